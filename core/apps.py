from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    """The ground floor: users, errors, the JSON boundary, encryption, the API's envelope."""

    name = "core"
    label = "workflow_core"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from core import checks  # noqa: F401  (importing registers them)
        from core.audit import sealing, sign_in  # noqa: F401  (importing connects receivers)
        from core.health import register
        from core.keys import masters

        register("audit", sealing.health)
        register("keys", masters.health)
