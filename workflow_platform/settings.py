"""Django settings. Every value that a deployment changes comes from `env`."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from core.keys.files import read_or_make_keys
from workflow_platform import env as environment

env = environment.read()
BASE_DIR = environment.BASE_DIR
DATA_DIR = env.data_dir

# prometheus_client decides at import time whether processes share their figures through files.
PROMETHEUS_MULTIPROC_DIR = DATA_DIR / "prometheus"
PROMETHEUS_MULTIPROC_DIR.mkdir(parents=True, exist_ok=True)
os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(PROMETHEUS_MULTIPROC_DIR))
PROMETHEUS_HOST, PROMETHEUS_PORT = env.prometheus_host, env.prometheus_port

DEBUG = env.debug
SECRET_KEY = env.secret_key or read_or_make_keys(DATA_DIR / "secret_key")[0].hex()
ALLOWED_HOSTS = env.listed(env.allowed_hosts)
CSRF_TRUSTED_ORIGINS = env.listed(env.csrf_trusted_origins)

INSTALLED_APPS = [
    "core",
    "engine",
    "templates",
    "analytics",
    "ai",
    "workflow_platform.apps.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "pgtrigger",
    "django_prometheus",
    "django_celery_results",
    "django_celery_beat",
    "rest_framework",
    "axes",
    "csp",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    *env.listed(env.extra_apps),
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "core.api.middleware.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "core.api.middleware.SecurityHeaders",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "core.api.middleware.ErrorEnvelope",
    "core.api.middleware.RefuseNul",
    "core.api.middleware.RefuseEncodings",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "core.api.middleware.TellErrors",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
    "core.sign_in.LockOutMiddleware",
]
ROOT_URLCONF = "workflow_platform.urls"
ASGI_APPLICATION = "workflow_platform.asgi.application"
WSGI_APPLICATION = "workflow_platform.wsgi.application"

# DIRS stays empty: the app `templates` holds workflow templates, Python sources among them.
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

AUTH_USER_MODEL = "workflow_core.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "core.sign_in.LockoutBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_HANDLER = "core.sign_in.LockOutHandler"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = env.sign_in_failures_per_account
AXES_COOLOFF_TIME = timedelta(minutes=env.sign_in_lock_minutes)
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_USERNAME_CALLABLE = "core.sign_in.tried_account"
AXES_CLIENT_IP_CALLABLE = "core.sign_in.tried_from"
AXES_LOCKOUT_CALLABLE = "core.sign_in.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "password", "csrfmiddlewaretoken", "next"]
AXES_DISABLE_ACCESS_LOG = True  # the audit log tells
AXES_ENABLE_ADMIN = False  # core.admin has a page
AXES_VERBOSE = False
SIGN_IN_FAILURES_PER_ADDRESS = env.sign_in_failures_per_address
SIGN_IN_RATE_PER_ACCOUNT = env.sign_in_rate_per_account
SIGN_IN_RATE_PER_ADDRESS = env.sign_in_rate_per_address
SILENCED_SYSTEM_CHECKS = ["axes.W002"]  # its middleware is there, as core.sign_in.LockOutMiddleware
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DATABASES = {"default": env.database()}
# The engine's statements are prepared once a connection; psycopg prepares none where this is None.
DATABASES["default"]["OPTIONS"]["prepare_threshold"] = 5 if env.db_prepare_statements else None
DATABASES["default"]["CONN_MAX_AGE"] = 600
DB_POOL_SIZE = env.db_pool_size  # for the web: `asgi`
DB_WAIT_SECONDS = env.db_wait_seconds
DB_ENCRYPTION_KEY = env.db_encryption_key
KEY_PROVIDER = env.key_provider
KEY_ROTATION_DAYS = env.key_rotation_days
VAULT = env.vault()

REDIS_URL = env.redis()
REDIS_ENCRYPTION_KEY = env.redis_encryption_key
REDIS_OPTIONS: dict[str, Any] = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "health_check_interval": 25,
    **env.redis_verification(),
}
CACHES = {
    "default": {
        "BACKEND": "core.cache.EncryptedCache",
        "LOCATION": REDIS_URL,
        "KEY_FUNCTION": "core.cache.hidden_name",
        # Rather a miss than a request that waits.
        "OPTIONS": REDIS_OPTIONS | {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
WHITENOISE_USE_FINDERS = True
DATA_UPLOAD_MAX_MEMORY_SIZE = 12 * 1024 * 1024

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_SSL_REDIRECT = env.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.https else None
SECURE_HSTS_SECONDS = 31_536_000 if env.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.https
SECURE_HSTS_PRELOAD = env.https
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SESSION_COOKIE_SECURE = env.https
CSRF_COOKIE_SECURE = env.https
CSRF_COOKIE_HTTPONLY = True  # scripts get the token from /api/v1/auth/session
if env.https:  # browsers take a cookie of such a name from this very host alone, through HTTPS
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
X_FRAME_OPTIONS = "DENY"
# Scripts and styles are files of ours. Nothing inline, nothing evaluated, no frame.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "core.api.auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["core.api.permissions.ByRole"],
    "DEFAULT_PARSER_CLASSES": ["core.api.parsers.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    # What an operation takes is in the API's description; OPTIONS would tell it less well.
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_PAGINATION_CLASS": "core.api.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "core.api.schema.ErrorsSchema",
    "EXCEPTION_HANDLER": "core.api.errors.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["core.api.throttles.CallerThrottle"],
    "NUM_PROXIES": env.num_proxies,
    "PAGE_SIZE": 50,
}
API_RATE_PER_MINUTE = env.api_rate_per_minute
SPECTACULAR_SETTINGS = {
    "TITLE": "Workflow platform",
    "VERSION": "1",
    "DESCRIPTION": "Build and run workflows that people, rules and AI carry out together.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "ExecutionStatus": "engine.models.ExecutionStatus",
        "StepStatus": "engine.models.StepStatus",
        "BudgetScope": "ai.budgets.models.BudgetScope",
        "BudgetPeriod": "ai.budgets.models.BudgetPeriod",
        "Scope": "core.models.Scope",
    },
}


def broker_url(redis_url: str) -> str:
    """kombu's form of a redis-py URL: sockets are `redis+socket:///path?virtual_host=N`."""
    url = urlsplit(redis_url)
    if url.scheme != "unix":
        return redis_url
    database = parse_qs(url.query).get("db", ["0"])[0]
    password = f":{quote(unquote(url.password), safe='')}@" if url.password else ""
    return f"redis+socket://{password}{url.path}?virtual_host={database}"


CELERY_BROKER_URL = broker_url(REDIS_URL)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A worker that is killed takes the few messages with it that it had fetched: their steps are
    # READY rows and are sent again. Keeping them in Redis too would cost two round trips a message,
    # and would deliver them twice an hour later.
    "ack_emulation": False,
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_BROKER_USE_SSL = env.redis_verification() or None
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # it will be back
CELERY_WORKER_CONSUMER = "engine.consumer:StepConsumer"
# Steps' results are rows; standalone tasks choose django-db themselves.
CELERY_RESULT_BACKEND = "engine.chords:RowsBackend"
CELERY_RESULT_EXPIRES = 3600
CELERY_RESULT_EXTENDED = True
CELERY_TASK_SERIALIZER = "json"
CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False  # the READY row is the outbox: a lost message is sent again
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ALLOW_ERROR_CB_ON_CHORD_HEADER = False
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_MAX_TASKS_PER_CHILD = 20_000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 1_000_000  # KiB
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# What Python itself writes to stderr, such as why a process ends, would be logged by the character.
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BEAT_SCHEDULER = "engine.beat:LastingScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
# Workers do it by themselves, more often; this is for those whose thread has died. A message that
# nobody took in time is worth nothing.
CELERY_BEAT_SCHEDULE = {
    "engine.reconcile": {
        "task": "engine.reconcile",
        "schedule": 30.0,
        "options": {"expire_seconds": 30},
    },
    "engine.expire_results": {"task": "engine.expire_results", "schedule": 86_400.0},
    "core.rotate_keys": {"task": "core.rotate_keys", "schedule": 3_600.0},
    "core.reencrypt": {
        "task": "core.reencrypt",
        "schedule": 20.0,
        "options": {"expire_seconds": 20},
    },
}
CELERY_TIMEZONE = "UTC"
DJANGO_CELERY_BEAT_TZ_AWARE = True

ENGINE_FAST_PATH = env.engine_fast_path
ENGINE_FUSE = env.engine_fuse
ENGINE_KEY_SECONDS = env.key_retry_seconds
ENGINE_LEASE_SECONDS = env.lease_seconds
ENGINE_RECONCILE_SECONDS = env.reconcile_seconds
ENGINE_RESEND_SECONDS = env.resend_seconds
ENGINE_STOP_SECONDS = env.stop_seconds
ENGINE_WORKER_LOST_ATTEMPTS = env.worker_lost_attempts

HTTP_ALLOWED_HOSTS = env.listed(env.http_allowed_hosts)
HTTP_ALLOWED_NETWORKS = env.listed(env.http_allowed_networks)
HTTP_CA_FILE = env.http_ca_file
HTTP_TIMEOUT_SECONDS = env.http_timeout_seconds
HTTP_MAX_BYTES = env.http_max_bytes

OPENAI_API_KEY = env.openai_api_key
MODEL_ENDPOINT = env.model_endpoint
AI_MODEL = env.ai_model
AI_MAX_TOKENS = env.max_tokens
AI_TEMPERATURE = env.temperature
AI_TIMEOUT_SECONDS = env.ai_timeout_seconds
AI_FALLBACK_MODELS = env.listed(env.ai_fallback_models)
AI_RETRIES = env.ai_retries
AI_RETRY_DELAY = env.ai_retry_delay
AI_REPAIRS = env.ai_repairs
AI_TOOL_SECONDS = env.ai_tool_seconds
AI_STREAM = env.ai_stream
PROGRESS_STREAMS_PER_USER = env.progress_streams_per_user
PROGRESS_STREAM_SECONDS = env.progress_stream_seconds
AI_REDACT = env.redacted()
AI_REDACT_OPTIONAL = env.ai_redact_optional
REDACTION_PRESIDIO = env.redaction_presidio
REDACTION_PRESIDIO_MODEL = env.redaction_presidio_model
REDACTION_PRESIDIO_LANGUAGE = env.redaction_presidio_language
# No prompt holds these, whatever brought them there.
AI_OWN_SECRETS = [
    secret
    for secret in (
        *(SECRET_KEY, env.db_password, env.redis_password, env.vault_token, env.vault_secret_id),
        *env.listed(env.db_encryption_key),
        *env.listed(env.redis_encryption_key),
    )
    if secret
]
AI_PRICES = {model: price.model_dump() for model, price in env.ai_prices.items()}
AI_DAILY_ALERT_USD = env.ai_daily_alert_usd

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "workflow_platform.logs.LineFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "filters": {
        "foreign_hosts": {"()": "workflow_platform.logs.ForeignHosts"},
        "failed_exports": {"()": "workflow_platform.logs.FailedExports"},
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.log_level},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.security.DisallowedHost": {"filters": ["foreign_hosts"]},
        "axes": {"level": "WARNING"},
        "opentelemetry.exporter.otlp.proto.grpc.exporter": {"filters": ["failed_exports"]},
        "opentelemetry.sdk._shared_internal": {"filters": ["failed_exports"]},
        "httpx2": {"level": "WARNING"},  # each call of a model is a row already
    },
}
