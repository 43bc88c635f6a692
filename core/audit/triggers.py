"""Triggers that nothing switches off but DDL by the table's owner."""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.db import models
from pgtrigger import compiler


class LastingTriggerSql(compiler.UpsertTriggerSql):
    """Installs a trigger that knows no `pgtrigger.ignore`, which any SQL client could set, and that
    fires in replication sessions too.

    Migrations refer to this class: what it renders must not change.
    """

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}()
            RETURNS TRIGGER AS $$
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE TRIGGER {pgid}
                {when} {operation} ON {table}
                FOR EACH {level} {condition}
                EXECUTE PROCEDURE {execute};
            ALTER TABLE {table} ENABLE ALWAYS TRIGGER {pgid};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class Refuse(pgtrigger.Trigger):
    """Refuses an operation on a table, for everybody."""

    when = pgtrigger.Before
    func = (
        "RAISE EXCEPTION '% of % is refused: rows are only added', TG_OP, TG_TABLE_NAME "
        "USING ERRCODE = 'insufficient_privilege';"
    )

    def compile(self, model: models.Model) -> compiler.Trigger:
        pgid = self.get_pgid(model)
        return compiler.Trigger(
            name=str(self.name),
            sql=LastingTriggerSql(
                pgid=pgid,
                func=self.render_func(model),
                table=model._meta.db_table,
                when=self.when,
                operation=self.operation,
                level=self.level,
                condition=self.render_condition(model),
            ),
        )


def append_only(*, once: tuple[str, ...], empty: str) -> list[Any]:
    """Triggers for a model whose rows are only added.

    Args:
        once: fields that an UPDATE may set, once and alone.
        empty: the one of them that is NULL until then.
    """
    settled = pgtrigger.Q(**{f"old__{empty}__isnull": False})
    erased = pgtrigger.Q(**{f"new__{empty}__isnull": True})
    return [
        Refuse(
            name="no_change",
            operation=pgtrigger.Update,
            condition=pgtrigger.AnyChange(exclude=list(once)),
        ),
        Refuse(name="no_second", operation=pgtrigger.Update, condition=settled | erased),
        Refuse(name="no_delete", operation=pgtrigger.Delete),
        Refuse(name="no_truncate", operation=pgtrigger.Truncate, level=pgtrigger.Statement),
    ]
