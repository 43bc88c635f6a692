from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns with a constant default, which PostgreSQL adds without rewriting the table."""

    dependencies = [
        ('workflow_engine', '0003_workers'),
    ]

    operations = [
        migrations.AddField(
            model_name='stepexecution',
            name='queue',
            field=models.CharField(db_default='default', default='default', max_length=255),
        ),
        migrations.AddField(
            model_name='stepexecution',
            name='failures',
            field=models.SmallIntegerField(db_default=0, default=0, help_text='Its own, since an operator last retried it.'),
        ),
        migrations.AlterField(
            model_name='stepexecution',
            name='due_at',
            field=models.DateTimeField(help_text='A retry is not due before.', null=True),
        ),
    ]
