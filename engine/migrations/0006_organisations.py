from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

EVERYBODY = "Everybody"


def give(apps: Any, schema_editor: Any) -> None:
    """Gives each workflow an organisation, so that everybody goes on seeing what they saw.

    Private ones go to their owner's own. Shared ones were seen and run by everybody, and changed by
    their owners: they go to one organisation of all accounts.
    """
    Workflow = apps.get_model("workflow_engine", "Workflow")
    owned = Workflow.objects.filter(is_shared=False, owner__isnull=False)
    owned.update(organisation=_own_organisation(apps))
    left = Workflow.objects.filter(organisation=None)
    if left.exists():
        left.update(organisation=_everybody(apps, set(left.values_list("owner_id", flat=True))))
    # Else the checks of foreign keys wait for the commit, and tables with such cannot be altered.
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _own_organisation(apps: Any) -> Any:
    Organisation = apps.get_model("workflow_core", "Organisation")
    own = Organisation.objects.filter(personal_of=models.OuterRef("owner"))
    return models.Subquery(own.values("id")[:1])


def _everybody(apps: Any, owners: set[Any]) -> Any:
    Organisation = apps.get_model("workflow_core", "Organisation")
    Membership = apps.get_model("workflow_core", "Membership")
    User = apps.get_model("workflow_core", "User")
    everybody = Organisation.objects.create(name=EVERYBODY)
    operators = set(User.objects.filter(is_superuser=True).values_list("id", flat=True))
    admins = operators or owners

    def role(user_id: Any) -> str:
        return "admin" if user_id in admins else "editor" if user_id in owners else "runner"

    Membership.objects.bulk_create(
        (
            Membership(organisation=everybody, user_id=user_id, role=role(user_id))
            for user_id in User.objects.values_list("id", flat=True).iterator()
        ),
        batch_size=1000,
    )
    return everybody


class Migration(migrations.Migration):
    dependencies = [
        ("workflow_engine", "0005_steps_to_send_by_queue"),
        ("workflow_core", "0003_personal_organisations"),
    ]
    operations = [
        migrations.AddField(
            model_name="workflow",
            name="organisation",
            field=models.ForeignKey(
                null=True,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="workflows",
                to="workflow_core.organisation",
            ),
        ),
        migrations.RunPython(give, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="workflow",
            name="organisation",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="workflows",
                to="workflow_core.organisation",
            ),
        ),
        migrations.AddIndex(
            model_name="workflow",
            index=models.Index(
                fields=["organisation", "-created_at", "-id"],
                name="workflow_organisation_created",
            ),
        ),
        migrations.AlterField(
            model_name="workflow",
            name="is_shared",
            field=models.BooleanField(
                default=False, help_text="The organisation's members see it; else its owner alone."
            ),
        ),
        migrations.AlterField(
            model_name="workflow",
            name="owner",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="workflows",
                help_text="Who alone sees it while it is private. Empty: the platform.",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="workflowschedule",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="schedules",
                help_text="Whose runs these are: who saved it last.",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]
