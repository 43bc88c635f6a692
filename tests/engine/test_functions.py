"""What is declared of functions, and for whom they are called."""

from __future__ import annotations

import pytest

from core.models import User
from engine import functions
from engine.context import RunOwner
from engine.functions import InvalidArguments
from tests.support.workflows import calls, definition, run_inline, step


def test_what_is_pure_is_read_only() -> None:
    known = functions.functions()
    names = ("tests.compute", "tests.find", "tests.write")
    assert [known[name].read_only for name in names] == [True, True, False]
    assert [known[name].pure for name in names] == [True, False, False]


def test_the_owner_is_no_argument() -> None:
    found = functions.functions()["tests.owner"]
    assert found.owner == "owner"
    assert found.schema["properties"] == {}
    assert found.schema["required"] == []
    with pytest.raises(InvalidArguments):
        functions.call("tests.find", {"owner": {}})


def test_nobody_says_for_whom_a_function_is_called() -> None:
    given = {"owner": RunOwner(user_id=None)}
    assert functions.call("tests.owner", given)["user"] == "None"


@pytest.mark.django_db(transaction=True)
def test_a_step_calls_for_its_runs_user(user: User) -> None:
    run = run_inline(definition(step("who", **calls("tests.owner"))), user=user)
    organisation = run.workflow.organisation_id
    assert run.steps.get().output_data == {"user": str(user.pk), "organisation": str(organisation)}
