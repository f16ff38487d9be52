"""Counter of forward passes."""


class ForwardCount:
    """Counter of forward passes, shared by a model and all its copies.

    Attributes:
        count: passes so far.
        on: whether passes are currently counted.
    """

    def __init__(self) -> None:
        self.count = 0
        self.on = False

    def count_pass(self) -> None:
        """Count one pass if counting is on."""
        if self.on:
            self.count += 1

    def __deepcopy__(self, memo: object) -> "ForwardCount":
        """Return the counter itself: passes of copies (teachers, trial steps) count as well."""
        return self
