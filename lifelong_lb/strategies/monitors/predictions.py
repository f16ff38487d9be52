"""Outputs of a strategy on test experiences, without the cost of its evaluation loop."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from avalanche.training.plugins import EvaluationPlugin
from avalanche.training.plugins.clock import Clock
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor

from lifelong_lb.models.task_labels import keep_on_host
from lifelong_lb.strategies.hooks import does_something
from lifelong_lb.strategies.loading.flatten import Samples, flattened
from lifelong_lb.strategies.loading.plugin import TensorLoading
from lifelong_lb.strategies.methods.patches import GDumb

DOES_NOTHING = {"before_eval_dataset_adaptation": GDumb.before_eval_dataset_adaptation}
"""Hooks that are overridden by empty ones."""

See = Callable[[int, Tensor, Tensor], None]
"""Called with the position of an experience among those given, outputs ``(B, classes)`` and labels ``(B,)``."""

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
"""Hooks through which a plugin can change or observe an evaluation, except before_eval and after_eval."""

LOOP = (
    "eval_epoch",
    "eval_dataset_adaptation",
    "make_eval_dataloader",
    "_eval_exp",
    "_before_eval_exp",
    *(f"_{hook}" for hook in HOOKS),
)
"""Methods that make up a strategy's evaluation; forward and model_adaptation are called and may be overridden."""


class TestImages:
    """Cache of the images of test experiences.

    Attributes:
        __test__: False, so that pytest does not collect it.
    """

    __test__ = False

    def __init__(self) -> None:
        self._samples: dict[int, tuple[Any, Samples]] = {}

    def of(self, experience: Any) -> Samples:
        """Images of an experience.

        Args:
            experience: an Avalanche experience.

        Returns:
            Its samples.

        Raises:
            NotTensorsError: if the images are more than rows of tensors.
        """
        known, samples = self._samples.get(id(experience), (None, None))
        if known is not experience or samples is None:
            samples = flattened(experience.dataset.eval())
            self._samples[id(experience)] = experience, samples
        return samples

    def __getstate__(self) -> dict[str, Any]:
        return {"_samples": {}}  # not part of checkpoints


def show(strategy: Any, experiences: Sequence[Any], images: TestImages, see: See) -> None:
    """Predict the labels of some experiences, like the strategy's ``eval``, at any point of training.

    Minibatches, the adaptation of the model, and the hooks ``before_eval`` and ``after_eval`` are the same: a rule that
    spans iterations loads its slow weights. No loss is computed, and random numbers are drawn only for new outputs.

    Args:
        strategy: an Avalanche strategy for which :func:`custom_evaluation` returns None.
        experiences: test experiences.
        images: cache of their images.
        see: called with the outputs of each minibatch.

    Raises:
        NotTensorsError: before anything else is done, when images are more than rows of tensors.
    """
    samples_of = [images.of(experience) for experience in experiences]
    state = strategy._save_train_state()
    kept = {name: getattr(strategy, name) for name in ("mbatch", "mb_output", "loss", "current_eval_stream")}
    strategy.is_training = False
    strategy.model.eval()
    strategy.current_eval_stream = list(experiences)
    try:
        with torch.no_grad():
            strategy._before_eval()
            for i, (experience, samples) in enumerate(zip(experiences, samples_of, strict=True)):
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
        strategy.mbatch = [part.to(strategy.device, non_blocking=True) for part in minibatch]
        if strategy.device.type != "cpu":
            keep_on_host(strategy.mbatch[-1], minibatch[-1])
        see(strategy.forward(), strategy.mb_y)


def custom_evaluation(strategy: Any, ignored: Sequence[Any] = ()) -> str | None:
    """First method of a strategy or its plugins that changes or observes an evaluation.

    Args:
        strategy: the Avalanche strategy.
        ignored: plugins that are not checked.

    Returns:
        Name of the method; None if there is none.
    """
    for name in LOOP:
        if getattr(type(strategy), name) is not getattr(SupervisedTemplate, name):
            return f"{type(strategy).__name__}.{name}"
    for plugin in strategy.plugins:
        if plugin in ignored or isinstance(plugin, (Clock, TensorLoading)):
            continue
        if isinstance(plugin, EvaluationPlugin) and (plugin.metrics or plugin.loggers):
            return "its metrics and loggers"
        for hook in HOOKS:
            if does_something(plugin, hook) and getattr(type(plugin), hook) is not DOES_NOTHING.get(hook):
                return f"{type(plugin).__name__}.{hook}"
    return None
