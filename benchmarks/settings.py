"""The platform's settings for the web server of W6, with one more address."""

from workflow_platform.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
