"""Every column that can hold free text or JSON is encrypted, or is here with the reason why not."""

from __future__ import annotations

from django.apps import apps
from django.db import models

from core.fields import EncryptedField

# Longer ones can hold somebody's data; up to here they are names, codes and states.
NAME_LENGTH = 255

DEFINITION = "a program, not data: secrets have no place in it (docs/adr/0007)"
DESCRIPTION = "what lists show and search"
CATALOGUE = "part of the catalogue, the same for everybody who may see it"
ROW_IDS = "row ids alone: tasks carry nothing else"
SIGN_IN = "of a wrong password: header and field names, with what was typed masked (django-axes)"
PLAIN = {
    "axes_accessattempt.get_data": SIGN_IN,
    "axes_accessattempt.http_accept": SIGN_IN,
    "axes_accessattempt.post_data": SIGN_IN,
    "axes_accessfailurelog.http_accept": SIGN_IN,
    "axes_accesslog.http_accept": SIGN_IN,
    "django_admin_log.change_message": "names of the fields that were changed",
    "django_admin_log.object_id": "a primary key",
    "django_celery_beat_periodictask.args": ROW_IDS,
    "django_celery_beat_periodictask.description": DESCRIPTION,
    "django_celery_beat_periodictask.headers": ROW_IDS,
    "django_celery_beat_periodictask.kwargs": ROW_IDS,
    "django_celery_results_chordcounter.sub_tasks": ROW_IDS,
    "django_celery_results_groupresult.result": ROW_IDS,
    "django_celery_results_taskresult.meta": ROW_IDS,
    "django_celery_results_taskresult.result": "one word of the platform's own",
    "django_celery_results_taskresult.task_args": ROW_IDS,
    "django_celery_results_taskresult.task_kwargs": ROW_IDS,
    "django_celery_results_taskresult.traceback": "tasks do not raise: failures of steps are rows",
    "django_session.session_data": "signed; whose session it is, and what a page tells next",
    "workflow_audit_log.details": "names, states and ids; a payload is never among them",
    "workflow_categories.description": DESCRIPTION,
    "workflow_credentials.description": DESCRIPTION,
    "workflow_credentials.hosts": "names of hosts, which lists show",
    "workflow_data_keys.wrapped": "encrypted by a key provider",
    "workflow_definition_versions.definition": DEFINITION,
    "workflow_definitions.definition": DEFINITION,
    "workflow_definitions.description": DESCRIPTION,
    "workflow_execution_events.data": "codes, delays, names of workers and tasks; no payload",
    "workflow_learning_data.performance_metrics": "figures, which workflow_execution_metrics has",
    "workflow_step_executions.measurements": "figures, which SQL sums up",
    "workflow_templates.description": DESCRIPTION,
    "workflow_templates.expected": CATALOGUE,
    "workflow_templates.sample_input": CATALOGUE,
    "workflow_templates.template": DEFINITION,
    "workflow_workers.queues": "names of queues",
}


def holds_anything(field: models.Field[object, object]) -> bool:
    """Whether the column takes JSON, bytes, or more text than a name."""
    if isinstance(field, EncryptedField):
        return False
    if isinstance(field, (models.JSONField, models.TextField, models.BinaryField)):
        return True
    return isinstance(field, models.CharField) and (field.max_length or 10**9) > NAME_LENGTH


def test_every_such_column_is_encrypted_or_has_a_reason() -> None:
    found = {
        f"{model._meta.db_table}.{field.column}"
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.local_fields
        if holds_anything(field)
    }
    assert found - set(PLAIN) == set(), "encrypt it (core.fields), or say why it may be plain"
    assert set(PLAIN) - found == set(), "these are gone: take them off the list"
