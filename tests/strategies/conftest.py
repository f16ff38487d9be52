"""Plugins of the tests that only observe."""

import pytest
from helpers.observer_plugin import ObserverPlugin

from lifelong_lb.strategies.rule import further_passes as passes


@pytest.fixture(autouse=True)
def _observers(monkeypatch):
    """Accept the hooks of observers, which are not registered."""
    monkeypatch.setattr(passes, "OBSERVERS", (*passes.OBSERVERS, ObserverPlugin))
