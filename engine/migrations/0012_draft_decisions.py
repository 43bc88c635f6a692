"""What became of drafts, and what spoke for them."""

from __future__ import annotations

from django.db import migrations, models

import core.fields


class Migration(migrations.Migration):
    dependencies = (("workflow_engine", "0011_step_status_unchecked"),)

    operations = (
        migrations.AddField(
            model_name="workflowversion",
            name="explanation",
            field=core.fields.EncryptedJSONField(
                help_text="Of a draft: for each change its title and what speaks for it.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="workflowversion",
            name="decision",
            field=models.CharField(
                blank=True,
                choices=[("", "open"), ("published", "Published"), ("dismissed", "Dismissed")],
                db_default="",
                default="",
                help_text="What became of a draft.",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="workflowversion",
            name="decided_by",
            field=models.CharField(blank=True, db_default="", default="", max_length=50),
        ),
        migrations.AddField(
            model_name="workflowversion",
            name="decided_at",
            field=models.DateTimeField(help_text="When a draft was decided on.", null=True),
        ),
    )
