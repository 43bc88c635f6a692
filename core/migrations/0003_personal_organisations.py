from __future__ import annotations

from typing import Any

from django.db import migrations

BATCH = 1000


def found(apps: Any, schema_editor: Any) -> None:
    """Gives every account that was there before organisations one of its own."""
    User = apps.get_model("workflow_core", "User")
    Organisation = apps.get_model("workflow_core", "Organisation")
    Membership = apps.get_model("workflow_core", "Membership")
    without = User.objects.filter(personal_organisation=None).values_list("id", "username")
    batch = []
    for user_id, username in without.order_by("id").iterator(BATCH):
        batch.append(Organisation(name=username, personal_of_id=user_id))
        if len(batch) == BATCH:
            _write(Organisation, Membership, batch)
            batch = []
    _write(Organisation, Membership, batch)


def _write(Organisation: Any, Membership: Any, batch: list[Any]) -> None:
    Organisation.objects.bulk_create(batch)
    Membership.objects.bulk_create(
        Membership(organisation=made, user_id=made.personal_of_id, role="admin") for made in batch
    )


class Migration(migrations.Migration):
    dependencies = [("workflow_core", "0002_organisations")]
    operations = [migrations.RunPython(found, migrations.RunPython.noop)]
