"""Nothing that tests prepare or download stays on the machine."""

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True, scope="session")
def _cache_of_these_tests(tmp_path_factory):
    os.environ["LIFELONG_LB_CACHE"] = str(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def cache() -> Path:
    """Where the tests' prepared images are."""
    return Path(os.environ["LIFELONG_LB_CACHE"])
