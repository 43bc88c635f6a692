"""The environment as typed values: the one place that reads variables.

Names are those of the documented `.env.example`. Every secret may also be given as `X_FILE`, the
path of a file that holds it. A value that does not fit its type stops the start with the
variable's name.
"""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path
from ssl import TLSVersion
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from core.http.addresses import parse_network
from core.http.hosts import parse_host

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = BASE_DIR / (os.environ.get("DATA_DIR") or "var")


class SecretFiles(PydanticBaseSettingsSource):
    """Reads `X` from the file named by `X_FILE`."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{field_name.upper()}_FILE")
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}


class ModelPrice(BaseModel):
    """US dollars a million tokens of a model."""

    model_config = ConfigDict(extra="forbid")

    input: Decimal = Field(ge=0)
    output: Decimal = Field(ge=0)
    cached_input: Decimal | None = Field(default=None, ge=0, description="None: as input.")


class Environment(BaseSettings):
    """Everything that a deployment can set. Read once, by `settings`."""

    model_config = SettingsConfigDict(
        # What `make run` has started, so that commands beside it find its servers; `.env` wins.
        env_file=(DATA_DIR / "servers.env", BASE_DIR / ".env"),
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
    )

    secret_key: str = ""
    debug: bool = False
    allowed_hosts: str = "localhost,127.0.0.1,[::1]"
    csrf_trusted_origins: str = ""
    https: bool = Field(default=False, description="The platform is reached through HTTPS only.")
    num_proxies: int = Field(
        default=0,
        ge=0,
        description="Proxies in front whose X-Forwarded-For counts; the caller's address is the "
        "entry that the outermost of them wrote.",
    )
    api_rate_per_minute: int = Field(
        default=60_000, ge=0, description="Requests of one caller to the API; 0: no limit."
    )
    sign_in_failures_per_account: int = Field(
        default=5,
        gt=0,
        description="Wrong passwords for one account from one address until it is locked out.",
    )
    sign_in_failures_per_address: int = Field(
        default=50,
        ge=0,
        description="Wrong passwords from one address, for whatever accounts, until it may try "
        "none any more; 0: no limit. A success takes back those of its account.",
    )
    sign_in_lock_minutes: float = Field(default=15, gt=0)
    sign_in_rate_per_account: int = Field(
        default=10, ge=0, description="Attempts a minute to sign in by the API; 0: no limit."
    )
    sign_in_rate_per_address: int = Field(default=60, ge=0)
    extra_apps: str = Field(
        default="",
        description="Django apps of the host project, by comma: step types and functions.",
    )
    port: int = 8000
    data_dir: Path = DATA_DIR
    log_level: str = "INFO"

    database_url: str = ""
    db_host: str = ""
    db_port: int = 5432
    db_name: str = "workflow_automation"
    db_user: str = "admin"
    db_password: str = ""
    db_sslmode: Literal["", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = (
        Field(default="", description="libpq's; only verify-full proves whom one talks to.")
    )
    db_sslrootcert: str = ""
    db_encryption_key: str = ""
    key_provider: Literal["", "env", "file", "vault"] = Field(
        default="", description="Who wraps data keys; empty: env with DB_ENCRYPTION_KEY, or file."
    )
    key_rotation_days: float = Field(default=30, gt=0)
    vault_addr: str = ""
    vault_namespace: str = ""
    vault_token: str = ""
    vault_role_id: str = ""
    vault_secret_id: str = ""
    vault_ca_cert: str = ""
    vault_transit_mount: str = "transit"
    vault_transit_key: str = "workflow-platform"
    db_prepare_statements: bool = True
    db_pool_size: int = Field(default=20, ge=0, description="Of the web process; 0: no pool.")
    db_wait_seconds: float = Field(
        default=3, gt=0, description="Of a request for a connection, before it is answered 503."
    )

    redis_url: str = ""
    redis_host: str = ""
    redis_port: int = 6379
    redis_password: str = ""
    redis_tls: bool = Field(default=False, description="As rediss:// in REDIS_URL.")
    redis_ca_cert: str = ""
    redis_encryption_key: str = ""

    openai_api_key: str = Field(
        default="", validation_alias=AliasChoices("OPENAI_API_KEY", "AI_API_KEY")
    )
    model_endpoint: str = "https://api.openai.com/v1"
    ai_model: str = "gpt-4o-mini"
    max_tokens: int = Field(default=4096, gt=0)
    temperature: float = Field(default=0.7, ge=0, le=2)
    ai_timeout_seconds: float = Field(default=60, gt=0)
    ai_fallback_models: str = Field(default="", description="Asked in turn, by comma.")
    ai_retries: int = Field(default=2, ge=0, le=10)
    ai_retry_delay: float = Field(default=0.5, ge=0, description="Seconds before the first.")
    ai_stream: bool = Field(
        default=True, description="Answers of AI steps are asked for piece by piece."
    )
    ai_repairs: int = Field(default=2, ge=0, le=10)
    ai_tool_seconds: float = Field(default=10, gt=0, description="Of one call of a tool.")
    ai_redact: str = Field(
        default="secret,email,iban,national_id,card,phone",
        description="Kinds of values that prompts are sent without, by comma.",
    )
    ai_redact_optional: bool = Field(
        default=False, description="Steps may say `redact: false`; secrets are replaced even so."
    )
    redaction_presidio: bool = Field(
        default=False, description="presidio-analyzer finds names in prompts; an extra."
    )
    redaction_presidio_model: str = Field(
        default="en_core_web_sm", description="A model of spaCy: its package or directory."
    )
    redaction_presidio_language: str = Field(default="en", description="The model's language.")
    ai_prices: dict[str, ModelPrice] = Field(
        default={}, description="JSON: model -> US dollars a million tokens."
    )
    ai_daily_alert_usd: Decimal = Field(
        default=Decimal(100), ge=0, description="Soft limit, where no budget says another."
    )

    progress_streams_per_user: int = Field(
        default=20, ge=1, description="At once, of one web process."
    )
    progress_stream_seconds: float = Field(default=600, gt=0)

    http_allowed_hosts: str = Field(
        default="*", description="Hosts that steps may call: host, *.domain, host:8080, *."
    )
    http_allowed_networks: str = Field(
        default="", description="Networks of inside services that steps may call: 10.20.0.0/16."
    )
    http_ca_file: str = Field(
        default="", description="More authorities that steps trust, in PEM, besides the system's."
    )
    http_timeout_seconds: float = Field(default=60, gt=0)
    http_max_bytes: int = Field(default=10 * 1024 * 1024, gt=0, le=64 * 1024 * 1024)

    prometheus_host: str = "127.0.0.1"
    prometheus_port: int = 9090

    engine_fast_path: bool = Field(
        default=True, description="One SQL statement a step where the common case allows it."
    )
    engine_fuse: bool = Field(
        default=True, description="Cheap steps share messages; off to measure what that brings."
    )
    key_retry_seconds: float = Field(default=30, gt=0)
    lease_seconds: float = Field(default=15, gt=0)
    reconcile_seconds: float = Field(default=5, gt=0)
    resend_seconds: float = Field(default=10, gt=0)
    stop_seconds: float = Field(
        default=8,
        ge=0,
        description="What a worker that is stopped may take to finish its steps, before it hands "
        "them back. Whoever stops it must wait longer before killing it.",
    )
    worker_lost_attempts: int = Field(default=3, gt=0)

    @field_validator("data_dir")
    @classmethod
    def absolute(cls, value: Path) -> Path:
        return value if value.is_absolute() else BASE_DIR / value

    @field_validator("http_allowed_hosts", "http_allowed_networks")
    @classmethod
    def parsed(cls, value: str, info: ValidationInfo) -> str:
        parse = parse_host if info.field_name == "http_allowed_hosts" else parse_network
        for word in cls.listed(value):
            parse(word)
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls), dotenv_settings

    @staticmethod
    def listed(text: str) -> list[str]:
        """The words of a list that is separated by commas."""
        return [word.strip() for word in text.split(",") if word.strip()]

    def redacted(self) -> list[str]:
        """The kinds of AI_REDACT."""
        kinds = self.listed(self.ai_redact)
        known = {"secret", "email", "iban", "national_id", "card", "phone"}
        if unknown := sorted(set(kinds) - known):
            raise SystemExit(
                f"AI_REDACT: no kind {unknown[0]!r}; known: {', '.join(sorted(known))}"
            )
        return kinds

    def database(self) -> dict[str, Any]:
        """Django's DATABASES entry, from DATABASE_URL or else from DB_*."""
        entry: dict[str, Any] = {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.db_name,
            "USER": self.db_user,
            "PASSWORD": self.db_password,
            "HOST": self.db_host,
            "PORT": self.db_port,
            "OPTIONS": {},
        }
        if self.database_url and not self.db_host:
            url = urlsplit(self.database_url)
            if url.scheme not in {"postgres", "postgresql"}:
                raise SystemExit("DATABASE_URL: expected postgresql://user:password@host:port/name")
            entry |= {
                "NAME": unquote(url.path.lstrip("/")),
                "USER": unquote(url.username or ""),
                "PASSWORD": unquote(url.password or ""),
                "HOST": url.hostname or "",
                "PORT": url.port or 5432,
                "OPTIONS": dict(parse_qsl(url.query)),  # sslmode and the like
            }
        asked = {"sslmode": self.db_sslmode, "sslrootcert": self.db_sslrootcert}
        entry["OPTIONS"] |= {name: value for name, value in asked.items() if value}
        return entry

    def vault(self) -> dict[str, str]:
        """What `core.keys.vault.Vault` takes."""
        return {
            "address": self.vault_addr,
            "namespace": self.vault_namespace,
            "mount": self.vault_transit_mount,
            "key": self.vault_transit_key,
            "token": self.vault_token,
            # The file itself: an agent writes a new token into it before the old one runs out.
            "token_file": os.environ.get("VAULT_TOKEN_FILE", ""),
            "role_id": self.vault_role_id,
            "secret_id": self.vault_secret_id,
            "ca_cert": self.vault_ca_cert,
        }

    def redis(self) -> str:
        """The URL that redis-py takes, from REDIS_URL or else from REDIS_*."""
        if self.redis_url:
            plain = self.redis_tls and self.redis_url.startswith("redis://")
            return self.redis_url.replace("redis://", "rediss://", 1) if plain else self.redis_url
        scheme = "rediss" if self.redis_tls else "redis"
        password = f":{quote(self.redis_password, safe='')}@" if self.redis_password else ""
        return f"{scheme}://{password}{self.redis_host or 'localhost'}:{self.redis_port}/0"

    def redis_verification(self) -> dict[str, Any]:
        """What redis-py, kombu and Celery take besides the URL; nothing where it is not TLS.

        The server must show a certificate for its name, from this authority or, without one, from
        one that the system trusts.
        """
        if not self.redis().startswith("rediss://"):
            return {}
        authority = {"ssl_ca_certs": self.redis_ca_cert} if self.redis_ca_cert else {}
        return {
            "ssl_cert_reqs": "required",
            "ssl_check_hostname": True,
            "ssl_min_version": TLSVersion.TLSv1_2,
            **authority,
        }


def read() -> Environment:
    """The environment, or an exit that names the variable at fault."""
    try:
        return Environment()
    except ValidationError as error:
        lines = [f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SystemExit("The environment does not fit:\n  " + "\n  ".join(lines)) from None
    except SettingsError as error:
        raise SystemExit(f"The environment does not fit: {error}: {error.__cause__}") from None
    except OSError as error:
        raise SystemExit(f"A secret's file cannot be read: {error}") from None
