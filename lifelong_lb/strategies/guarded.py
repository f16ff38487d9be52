"""An eye on a strategy's training epoch, so that an iteration that fails can be undone."""

from collections.abc import Callable
from typing import Any

_EPOCH = "training_epoch"


def guard_epoch(strategy: Any, begin: Callable[[Any], None], undo: Callable[[Any], None]) -> None:
    """Let the next training epoch call a function first, and another one when it ends with an exception.

    The strategy gets a ``training_epoch`` of its own, which takes itself away when it is called: a strategy that is
    saved or copied is the same with and without.

    Args:
        strategy: the Avalanche strategy, before its epoch.
        begin: is given the strategy when the epoch begins, which a strategy that stops before it never does.
        undo: is given the strategy before the exception is raised again.
    """
    leave_alone(strategy)
    epoch = strategy.training_epoch

    def guarded(**kwargs: Any) -> None:
        leave_alone(strategy)
        begin(strategy)
        try:
            epoch(**kwargs)
        except BaseException:
            undo(strategy)
            raise

    setattr(strategy, _EPOCH, guarded)


def leave_alone(strategy: Any) -> None:
    """Take the guard away from an epoch that has not begun.

    Args:
        strategy: the Avalanche strategy.
    """
    vars(strategy).pop(_EPOCH, None)
