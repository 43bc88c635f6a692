from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import core.ids

# Tokens were knox's rows before, and its app is not installed any more. They expire now too: within
# a year where they did not, so that their owners can see to it. They could do all that these could.
TAKE = """
DO $$
BEGIN
  IF to_regclass('knox_authtoken') IS NOT NULL THEN
    INSERT INTO workflow_tokens (id, digest, token_key, user_id, created, expiry, name, scope)
    SELECT gen_random_uuid(), digest, token_key, user_id, created,
           least(expiry, now() + interval '366 days'), '', 'admin'
      FROM knox_authtoken;
    DROP TABLE knox_authtoken;
  END IF;
END
$$
"""
GIVE_BACK = """
CREATE TABLE knox_authtoken (
  digest varchar(128) PRIMARY KEY,
  token_key varchar(25) NOT NULL,
  user_id uuid NOT NULL REFERENCES workflow_users DEFERRABLE INITIALLY DEFERRED,
  created timestamp with time zone NOT NULL,
  expiry timestamp with time zone
);
CREATE INDEX knox_authtoken_user_id ON knox_authtoken (user_id);
CREATE INDEX knox_authtoken_token_key ON knox_authtoken (token_key);
INSERT INTO knox_authtoken (digest, token_key, user_id, created, expiry)
SELECT digest, token_key, user_id, created, expiry FROM workflow_tokens;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("workflow_core", "0006_reencryption_counts"),
    ]
    operations = [
        migrations.CreateModel(
            name="AccessToken",
            fields=[
                ("token_key", models.CharField(help_text="How it begins.", max_length=25)),
                (
                    "id",
                    models.UUIDField(
                        default=core.ids.uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("digest", models.CharField(max_length=128, unique=True)),
                ("expiry", models.DateTimeField()),
                (
                    "name",
                    models.CharField(
                        blank=True, default="", help_text="What it is for.", max_length=100
                    ),
                ),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("read", "Read"),
                            ("run", "Run"),
                            ("edit", "Edit"),
                            ("admin", "Admin"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "used_at",
                    models.DateTimeField(help_text="Last use, to the hour.", null=True),
                ),
                (
                    "created",
                    models.DateTimeField(
                        auto_now_add=True, db_default=django.db.models.functions.datetime.Now()
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tokens",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "token",
                "db_table": "workflow_tokens",
                "ordering": ("-created", "-id"),
                "indexes": [
                    models.Index(
                        fields=["user", "-created", "-id"], name="token_user_created"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("scope__in", ["read", "run", "edit", "admin"])),
                        name="token_scope",
                    )
                ],
            },
        ),
        migrations.RunSQL(TAKE, GIVE_BACK),
    ]
