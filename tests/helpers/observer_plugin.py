"""A plugin of the tests that changes nothing, and may therefore have any hook."""

from avalanche.core import SupervisedPlugin


class ObserverPlugin(SupervisedPlugin):
    """Base class of plugins that observe the passes."""
