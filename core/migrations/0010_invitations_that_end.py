import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_accounts(apps, schema_editor):
    invitations = apps.get_model('workflow_core', 'Invitation').objects
    users = apps.get_model('workflow_core', 'User').objects
    invited = users.filter(pk=OuterRef('user_id')).values('username')
    inviter = users.filter(username=OuterRef('invited_by')).values('pk')
    invitations.update(account=Subquery(invited), inviter_id=Subquery(inviter))


class Migration(migrations.Migration):

    dependencies = [
        ('workflow_core', '0009_invitations'),
    ]

    operations = [
        migrations.AddField(
            model_name='invitation',
            name='account',
            field=models.CharField(default='', help_text='What the admin called the account.', max_length=254),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name='invitation',
            name='inviter',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='invitation',
            name='user',
            field=models.ForeignKey(db_index=False, help_text='Empty where there is no such account: nobody gets this invitation.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to=settings.AUTH_USER_MODEL),
        ),
        migrations.RunPython(name_accounts, migrations.RunPython.noop, elidable=True),
        # What the rows' keys are still to be checked for would keep the constraint out.
        migrations.RunSQL('SET CONSTRAINTS ALL IMMEDIATE', migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='invitation',
            constraint=models.UniqueConstraint(fields=('organisation', 'account'), name='invitation_once_by_name'),
        ),
    ]
