"""How often models look at a minibatch."""


class ForwardCount:
    """Counts forward passes while it is switched on; a model and all copies of it share one.

    Attributes:
        count: passes so far.
        on: whether a pass counts now.
    """

    def __init__(self) -> None:
        self.count = 0
        self.on = False

    def count_pass(self) -> None:
        """Count a pass."""
        if self.on:
            self.count += 1

    def __deepcopy__(self, memo: object) -> "ForwardCount":
        """The counter itself: passes of a teacher, or of a step that is only tried, are passes, too."""
        return self
