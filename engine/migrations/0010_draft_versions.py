"""Versions that are only proposed."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = (("workflow_engine", "0009_interval_from_one"),)

    operations = (
        migrations.AddField(
            model_name="workflowversion",
            name="is_draft",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Only proposed: no run starts with it.",
            ),
        ),
    )
