"""Imports of the fork server, shared by all runs.

An import error must not end the server: each run's process repeats the import and reports the error.
"""

from contextlib import suppress

with suppress(Exception):
    import lifelong_lb.studies.run.worker  # noqa: F401
