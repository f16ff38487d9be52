"""Continual-learning strategies a study file can name."""

from typing import ClassVar, Literal

from lifelong_lb.config.fields import AtLeastOne, Entry


class StrategyEntry(Entry):
    """A continual-learning strategy.

    Class attribute: ``online``, whether it can treat each chunk of an online stream as an experience.
    """

    online: ClassVar[bool] = False


class Naive(StrategyEntry):
    """Fine-tuning on one experience after the other, with no measure against forgetting."""

    online = True
    name: Literal["naive"] = "naive"


class Replay(StrategyEntry):
    """Experience replay: each minibatch is joined by as many images from a memory of past experiences.

    The memory is shared out evenly over the experiences seen (Avalanche's experience-balanced buffer).
    """

    name: Literal["replay"] = "replay"
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne | None = None


STRATEGY_ENTRIES: dict[str, type[StrategyEntry]] = {"naive": Naive, "replay": Replay}
