"""A plugin of the tests that changes nothing, and may therefore have any hook."""

from avalanche.core import SupervisedPlugin


class Onlooker(SupervisedPlugin):
    """Derive from it what looks on at the passes."""
