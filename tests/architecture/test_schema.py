"""The documented tables have the documented names, columns and types."""

from __future__ import annotations

import pytest
from django.db import connection

# Every TIMESTAMP carries a time zone: docs/adr/0001.
TIMESTAMP = "timestamp with time zone"
SCHEMA = {
    "workflow_definitions": {
        "id": "uuid", "name": "varchar(255)", "description": "text", "version": "varchar(20)",
        "category": "varchar(100)", "definition": "jsonb", "ai_configurable": "boolean",
        "created_by": "varchar(50)", "usage_count": "integer", "rating": "numeric(3,2)",
        "created_at": TIMESTAMP, "updated_at": TIMESTAMP,
    },
    "workflow_templates": {
        "id": "uuid", "name": "varchar(255)", "description": "text", "category": "varchar(100)",
        "template": "jsonb", "ai_generated": "boolean", "usage_count": "integer",
        "created_at": TIMESTAMP,
    },
    "workflow_categories": {
        "id": "uuid", "name": "varchar(100)", "description": "text", "parent_id": "uuid",
        "created_at": TIMESTAMP,
    },
    "workflow_executions": {
        "id": "uuid", "workflow_id": "uuid", "user_id": "uuid", "session_id": "varchar(255)",
        "status": "varchar(20)", "context": "jsonb", "results": "jsonb", "error_message": "text",
        "started_at": TIMESTAMP, "completed_at": TIMESTAMP, "created_at": TIMESTAMP,
    },
    "workflow_step_executions": {
        "id": "uuid", "execution_id": "uuid", "step_id": "varchar(255)",
        "step_type": "varchar(50)", "status": "varchar(20)", "input_data": "jsonb",
        "output_data": "jsonb", "error_message": "text", "execution_time_ms": "integer",
        "started_at": TIMESTAMP, "completed_at": TIMESTAMP,
    },
    "workflow_execution_metrics": {
        "id": "uuid", "execution_id": "uuid", "metric_name": "varchar(100)",
        "metric_value": "numeric(15,4)", "metric_unit": "varchar(50)", "recorded_at": TIMESTAMP,
    },
    "ai_workflow_generations": {
        "id": "uuid", "user_id": "uuid", "requirements": "jsonb", "generated_workflow_id": "uuid",
        "ai_model": "varchar(100)", "generation_time_ms": "integer", "success": "boolean",
        "error_message": "text", "created_at": TIMESTAMP,
    },
    "ai_step_executions": {
        "id": "uuid", "step_execution_id": "uuid", "ai_model": "varchar(100)", "prompt": "text",
        "response": "text", "tokens_used": "integer", "cost_usd": "numeric(10,4)",
        "execution_time_ms": "integer", "created_at": TIMESTAMP,
    },
    "workflow_learning_data": {
        "id": "uuid", "execution_id": "uuid", "user_feedback": "jsonb",
        "performance_metrics": "jsonb", "improvement_suggestions": "jsonb",
        "created_at": TIMESTAMP,
    },
}  # fmt: skip
REQUIRED = {
    "workflow_definitions": {"name", "version", "category", "definition"},
    "workflow_templates": {"name", "category", "template"},
    "workflow_categories": {"name"},
    "workflow_executions": {"user_id", "session_id", "status", "context"},
    "workflow_step_executions": {"step_id", "step_type", "status"},
    "workflow_execution_metrics": {"metric_name", "metric_value"},
    "ai_workflow_generations": {"user_id", "requirements", "ai_model", "success"},
    "ai_step_executions": {"ai_model", "prompt", "response"},
    "workflow_learning_data": set(),
}
COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), attnotnull
  FROM pg_attribute
 WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
"""


@pytest.mark.django_db
@pytest.mark.parametrize("table", SCHEMA)
def test_documented_table(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(COLUMNS, [table])
        columns = {
            name: (kind.replace("character varying", "varchar"), required)
            for name, kind, required in cursor.fetchall()
        }
    documented = SCHEMA[table]
    assert {name: columns[name][0] for name in documented if name in columns} == documented
    assert {name for name in REQUIRED[table] if not columns[name][1]} == set()
