from __future__ import annotations

from django.db import migrations, models

INDEX = "workflow_execution_key_once"


class Migration(migrations.Migration):
    """An Idempotency-Key is one of a user and a workflow. Built while runs go on being written."""

    atomic = False
    dependencies = [("workflow_engine", "0006_organisations")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                # What an attempt that was interrupted has left is not valid.
                migrations.RunSQL(
                    f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}", migrations.RunSQL.noop
                ),
                migrations.RunSQL(
                    f"CREATE UNIQUE INDEX CONCURRENTLY {INDEX} ON workflow_executions"
                    " (user_id, workflow_id, idempotency_key) WHERE idempotency_key IS NOT NULL",
                    f"DROP INDEX CONCURRENTLY {INDEX}",
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    model_name="workflowexecution",
                    constraint=models.UniqueConstraint(
                        fields=("user", "workflow", "idempotency_key"),
                        name=INDEX,
                        condition=models.Q(("idempotency_key__isnull", False)),
                    ),
                )
            ],
        ),
        migrations.RemoveConstraint(
            model_name="workflowexecution", name="workflow_execution_idempotent"
        ),
    ]
