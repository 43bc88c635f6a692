"""The hottest table has no CHECK: PostgreSQL would parse it for each statement that writes."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = (("workflow_engine", "0010_draft_versions"),)

    operations = (
        migrations.RemoveConstraint(model_name="stepexecution", name="workflow_step_status"),
    )
