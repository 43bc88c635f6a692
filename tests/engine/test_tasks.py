from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_results.models import TaskResult

from engine.tasks import expire_results


@pytest.mark.django_db
def test_results_are_kept_a_week() -> None:
    for days in (1, 8):
        row = TaskResult.objects.create(task_id=f"{days} days old")
        done = timezone.now() - timedelta(days=days)
        TaskResult.objects.filter(pk=row.pk).update(date_done=done)
    expire_results()
    assert [row.task_id for row in TaskResult.objects.all()] == ["1 days old"]
