"""Real PostgreSQL and Valkey without an installation, and the supervisor behind `make run`."""
