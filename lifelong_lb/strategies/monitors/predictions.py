"""A strategy's outputs on test experiences, each image seen once, without the cost of its evaluation loop."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.plugins.clock import Clock
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor

from lifelong_lb.strategies.hooks import does_something
from lifelong_lb.strategies.loading.flatten import Samples, flattened
from lifelong_lb.strategies.loading.plugin import TensorLoading
from lifelong_lb.strategies.methods.patches import GDumb

DOES_NOTHING = {"before_eval_dataset_adaptation": GDumb.before_eval_dataset_adaptation}
"""Hooks that are written down in order to be empty."""

See = Callable[[int, Tensor, Tensor], None]
"""Receives the position of an experience among those asked for, outputs ``(B, classes)`` and labels ``(B,)``."""

HOOKS = (
    "before_eval_exp",
    "after_eval_exp",
    "before_eval_dataset_adaptation",
    "after_eval_dataset_adaptation",
    "before_eval_iteration",
    "after_eval_iteration",
    "before_eval_forward",
    "after_eval_forward",
)
"""Hooks through which a plugin can change what an evaluation shows, or look at it; before_eval and after_eval apart."""

LOOP = (
    "eval_epoch",
    "eval_dataset_adaptation",
    "make_eval_dataloader",
    "_eval_exp",
    "_before_eval_exp",
    *(f"_{hook}" for hook in HOOKS),
)
"""Methods of a strategy that make up its evaluation; forward and model_adaptation are called and may differ."""


class TestImages:
    """The images of test experiences, looked up once and kept for every evaluation.

    Attributes:
        __test__: tells pytest that this is no test.
    """

    __test__ = False

    def __init__(self) -> None:
        self._found: dict[int, tuple[Any, Samples]] = {}

    def of(self, experience: Any) -> Samples:
        """The images of an experience.

        Args:
            experience: an Avalanche experience.

        Returns:
            Its samples.

        Raises:
            NotTensorsError: if they are more than rows of tensors.
        """
        of, samples = self._found.get(id(experience), (None, None))
        if of is not experience or samples is None:
            samples = flattened(experience.dataset.eval())
            self._found[id(experience)] = experience, samples
        return samples

    def __getstate__(self) -> dict[str, Any]:
        return {"_found": {}}  # a checkpoint needs none of them


def show(strategy: Any, experiences: Sequence[Any], images: TestImages, see: See) -> None:
    """Let a strategy predict the labels of some experiences, as its ``eval`` would, at any point of its training.

    Minibatches, the model's adaptation to each experience, and what plugins do before and after an evaluation are as
    there: a rule that spans iterations shows its slow weights. No loss is computed, and no random number is drawn but
    by outputs that a model adds.

    Args:
        strategy: an Avalanche strategy for which :func:`custom_evaluation` names nothing.
        experiences: test experiences.
        images: where their images are kept.
        see: called with each minibatch's outputs.

    Raises:
        NotTensorsError: before anything else is done, when images are more than rows of tensors.
    """
    found = [images.of(experience) for experience in experiences]
    state = strategy._save_train_state()
    kept = {name: getattr(strategy, name) for name in ("mbatch", "mb_output", "loss", "current_eval_stream")}
    strategy.is_training = False
    strategy.model.eval()
    strategy.current_eval_stream = list(experiences)
    try:
        with torch.no_grad():
            strategy._before_eval()
            for i, (experience, samples) in enumerate(zip(experiences, found, strict=True)):
                strategy.experience = experience
                strategy.model = strategy.model_adaptation()
                _show_one(strategy, samples, partial(see, i))
            strategy._after_eval()
    finally:
        for name, value in kept.items():
            setattr(strategy, name, value)
        strategy._load_train_state(state)


def _show_one(strategy: Any, samples: Samples, see: Callable[[Tensor, Tensor], None]) -> None:
    for rows, *columns in samples.split(strategy.eval_mb_size):
        minibatch = (samples.images(rows), *columns)
        strategy.mbatch = [part.to(strategy.device) for part in minibatch]
        see(strategy.forward(), strategy.mb_y)


def custom_evaluation(strategy: Any, onlookers: Sequence[Any] = ()) -> str | None:
    """What a strategy or its plugins do in an evaluation beside predicting.

    Args:
        strategy: the Avalanche strategy.
        onlookers: plugins that need not be asked.

    Returns:
        Name of the first such method; None when there is none.
    """
    for name in LOOP:
        if getattr(type(strategy), name) is not getattr(SupervisedTemplate, name):
            return f"{type(strategy).__name__}.{name}"
    for plugin in strategy.plugins:
        if plugin in onlookers or isinstance(plugin, (Clock, TensorLoading)):
            continue
        if isinstance(plugin, EvaluationPlugin) and (plugin.metrics or plugin.loggers):
            return "its metrics and loggers"
        for hook in HOOKS:
            if does_something(plugin, hook) and getattr(type(plugin), hook) is not DOES_NOTHING.get(hook):
                return f"{type(plugin).__name__}.{hook}"
    return None
