"""What the fork server imports for all runs; a module that cannot be imported must not end the server.

A run's process imports the same again, and reports why it cannot.
"""

from contextlib import suppress

with suppress(Exception):
    import lifelong_lb.studies.run.worker  # noqa: F401
