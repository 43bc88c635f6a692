"""Credentials: given, replaced, sent; never read again by anybody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from core.encryption import Owner
from core.errors import Conflict, InvalidInput, Problem
from core.fields import Sealed, open_sealed, seal
from core.http.hosts import parse_host
from core.http.policy import current_policy
from core.http.redaction import Redactor
from core.http.secrets import MIN_LENGTH, Secret, UnknownSecret
from core.models import Credential, Organisation

MAX_LENGTH = 10_000
MAX_HOSTS = 20
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}", re.ASCII)
_USED_AGAIN = timedelta(minutes=1)


class CredentialExists(Conflict):
    """The organisation has a credential of this name."""

    code = "credential_exists"


class ValueNeeded(InvalidInput):
    """Give the value again to send it to further hosts: who may change a list must not learn it."""

    code = "credential_value_needed"


def create_credential(
    *,
    organisation: Organisation,
    name: str,
    value: str,
    hosts: Sequence[str],
    description: str = "",
    created_by: str = "",
) -> Credential:
    """Keeps a new secret.

    Args:
        hosts: where it may go, over https unless `http://` stands before a host. Each must be one
            that a step could call, and `*.` stands before a domain of one owner.

    Raises:
        InvalidInput, CredentialExists.
    """
    check(name=name, value=value, hosts=hosts)
    made = Credential(
        organisation=organisation,
        name=name,
        hosts=list(hosts),
        description=description,
        created_by=created_by,
    )
    made.value = _sealed(made, value)
    try:
        with transaction.atomic():
            made.save(force_insert=True)
    except IntegrityError:
        raise CredentialExists() from None
    return Credential.objects.defer("value").get(id=made.id)


def change_credential(
    *,
    credential: Credential,
    value: str | None = None,
    hosts: Sequence[str] | None = None,
    description: str | None = None,
) -> Credential:
    """Gives the credential another value, other hosts or another description; None: as it is.

    Raises:
        InvalidInput: ValueNeeded for further hosts without the value.
    """
    check(value=value, hosts=hosts)
    with transaction.atomic():
        row = Credential.objects.select_for_update().defer("value").get(id=credential.id)
        if hosts is not None and value is None and not set(hosts) <= set(row.hosts):
            raise ValueNeeded(problems=[Problem("value", ValueNeeded.default_message())])
        fields = ["updated_at"]
        if value is not None:
            row.value = _sealed(row, value)
            row.rotated_at = Now()
            fields += ["value", "rotated_at"]
        if hosts is not None:
            row.hosts = list(hosts)
            fields.append("hosts")
        if description is not None:
            row.description = description
            fields.append("description")
        row.save(update_fields=fields)
    return Credential.objects.defer("value").get(id=row.id)


def check(
    *, name: str | None = None, value: str | None = None, hosts: Sequence[str] | None = None
) -> None:
    """Raises InvalidInput, which never repeats the value, where one of them is none."""
    problems = []
    if name is not None and not _NAME.fullmatch(name):
        message = "a name is letters, digits and _, and does not start with a digit"
        problems.append(Problem("name", message))
    if value is not None and not MIN_LENGTH <= len(value.strip()) <= MAX_LENGTH:
        message = f"a secret has {MIN_LENGTH} to {MAX_LENGTH:,} characters"
        problems.append(Problem("value", message))
    elif value is not None and re.search("[\0\ud800-\udfff]", value):
        problems.append(Problem("value", "a secret has no NUL and no lone surrogate"))
    if hosts is not None and not 1 <= len(hosts) <= MAX_HOSTS:
        problems.append(Problem("hosts", f"a secret goes to 1 to {MAX_HOSTS} hosts"))
    for number, host in enumerate(hosts or ()):
        try:
            fault = current_policy().secret_host_fault(parse_host(host))
        except ValueError as error:
            fault = str(error)
        if fault is not None:
            problems.append(Problem(f"hosts[{number}]", fault))
    if problems:
        raise InvalidInput(problems[0].message, problems=problems)


def unknown_names(organisation_id: UUID, names: Iterable[str]) -> set[str]:
    """Those of the names that no credential of the organisation has."""
    wanted = set(names)
    known = Credential.objects.filter(organisation_id=organisation_id, name__in=wanted)
    return wanted - set(known.values_list("name", flat=True))


def find(organisation_id: UUID, name: str) -> Secret:
    """The organisation's secret of this name, on its way into a request; marks it as used.

    Raises:
        UnknownSecret; KeyUnavailable.
    """
    rows = Credential.objects.filter(organisation_id=organisation_id, name=name)
    found = rows.values_list("id", "value", "hosts").first()
    if found is None:
        raise UnknownSecret(f"There is no secret '{name}' in the workflow's organisation.")
    pk, sealed, hosts = found
    value = open_sealed(Credential, pk, "value", sealed)
    lately = Q(used_at__isnull=True) | Q(used_at__lt=Now() - _USED_AGAIN)
    Credential.objects.filter(lately, id=pk).update(used_at=Now())
    return Secret(name=name, value=value, hosts=tuple(parse_host(host) for host in hosts))


def redactor(organisation_id: UUID) -> Redactor:
    """What takes every secret of the organisation out of texts. Raises KeyUnavailable."""
    rows = Credential.objects.filter(organisation_id=organisation_id)
    return Redactor(
        open_sealed(Credential, pk, "value", sealed)
        for pk, sealed in rows.values_list("id", "value")
    )


def _sealed(credential: Credential, value: str) -> Sealed | None:
    # Under the organisation's own key: whoever destroys that destroys its secrets too.
    owner = Owner("organisation", credential.organisation_id)
    return seal(Credential, credential.pk, "value", value, owner=owner)
