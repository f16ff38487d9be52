"""Shared by the tests: small studies, models and data sets, tables of cases, naive references, faulty optimizers."""

from pathlib import Path

TESTS = str(Path(__file__).parents[1])
"""Folder for the ``PYTHONPATH`` of processes that import from this package."""
