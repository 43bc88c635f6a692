from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """Without locking the table of steps against workers."""

    atomic = False

    dependencies = [
        ('workflow_engine', '0004_queue_and_failures'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='stepexecution',
            index=models.Index(condition=models.Q(('status', 'ready')), fields=['queue', 'next_send_at'], name='step_to_resend'),
        ),
        AddIndexConcurrently(
            model_name='stepexecution',
            index=models.Index(condition=models.Q(('due_at__isnull', False), ('sends', 0), ('status', 'ready')), fields=['next_send_at'], name='step_to_retry'),
        ),
        RemoveIndexConcurrently(
            model_name='stepexecution',
            name='step_to_send',
        ),
    ]
