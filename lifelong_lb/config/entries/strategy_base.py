"""Base classes of continual-learning strategies."""

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, Entry

Penalty = Literal["every", "first"]
Project = Literal["descent", "both"]


class StrategyEntry(Entry):
    """A continual-learning strategy.

    Class attributes:
    ``scenarios``, ``heads``: supported scenarios and heads;
    ``trained_once``: whether it trains on all experiences together instead of one after the other;
    ``online``: whether it can treat each chunk of an online stream as an experience;
    ``further_passes``: the effect of a rule's passes after the first one; ``remark``: a further line for listings;
    ``own_loop``: reason why only the rule ``none`` is supported, if it does not train in Avalanche's ordinary loop;
    ``takes_gradients``: whether it takes any gradients;
    ``follows_path``: whether it accumulates the path of the weights over iterations;
    ``replays_aside``: whether it draws replayed images separately from the minibatches of its data loader.
    """

    scenarios: ClassVar[tuple[str, ...]] = ("task-incremental", "class-incremental", "domain-incremental")
    heads: ClassVar[tuple[str, ...]] = ("multi", "masked", "single", "growing")
    trained_once: ClassVar[bool] = False
    online: ClassVar[bool] = False
    follows_path: ClassVar[bool] = False
    replays_aside: ClassVar[bool] = False
    further_passes: ClassVar[str] = "the same minibatch"
    remark: ClassVar[str | None] = None
    own_loop: ClassVar[str | None] = None
    takes_gradients: ClassVar[bool] = True

    def steps_optimizer(self) -> bool:
        """Whether the base optimizer takes the steps.

        Returns:
            False if the optimizer's settings have no effect.
        """
        return True

    def passes(self) -> dict[str, Any]:
        """Options for the strategy's part of the objective in a rule's further passes.

        Returns:
            Keyword arguments of :class:`lifelong_lb.strategies.SharpnessAwarePlugin`.
        """
        return {key: value for key, value in self if key in ("penalty", "project")}


class Penalised(StrategyEntry):
    """A strategy that adds a penalty to the loss."""

    penalty: Penalty = "every"
    """``every``: the penalty is part of the loss in every pass of a rule's step, as in the objective; ``first``: only
    in the first pass, at w, for ablations."""


class Projected(StrategyEntry):
    """A strategy that projects gradients."""

    project: Project = "descent"
    """``descent``: only the gradients of base steps are projected, a rule's ascent steps use the raw gradient;
    ``both``: every gradient."""


class Rehearsing(StrategyEntry):
    """A strategy that draws minibatches from a memory."""

    replays_aside = True
    mem_size: AtLeastOne = 200
    """Images in the memory."""
    batch_size_mem: AtLeastOne = 10
    """Replayed images per minibatch."""

    @model_validator(mode="after")
    def _memory_fills_a_minibatch(self) -> "Rehearsing":
        if self.batch_size_mem > self.mem_size:
            raise ValueError(
                f"needs mem_size >= batch_size_mem, else nothing is ever replayed; "
                f"got {self.mem_size} and {self.batch_size_mem}"
            )
        return self
