"""The engine beside raw Celery, on the same servers in the same run: `make bench`.

Also a Django app, as a host project has one: it brings the workflow functions of the loads.
"""
