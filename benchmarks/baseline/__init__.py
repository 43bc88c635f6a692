"""The same graphs as a plain Celery application runs them: canvases, results in Redis."""
