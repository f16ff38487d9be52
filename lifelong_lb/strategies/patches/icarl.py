"""iCaRL for any stream with classes that do not come back, its teacher in eval mode."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from avalanche.benchmarks.utils import TaskAwareSupervisedClassificationDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from avalanche.training.losses import ICaRLLossPlugin
from avalanche.training.supervised.icarl import _ICaRLPlugin
from torch import nn
from torch.utils.data import TensorDataset

from lifelong_lb.optim.passes import RandomState, drawn_again
from lifelong_lb.strategies.patches.version import check_version


class ICaRLLoss(ICaRLLossPlugin):
    """Avalanche's loss, the layers of its teacher in eval mode.

    In avalanche-lib 0.6.0 the teacher stays in train mode, since that is what chooses its training head; so it
    normalises by the statistics of each minibatch, and draws dropout masks. Here only the layers below are in eval
    mode. The teacher is a copy of the model, where Avalanche loads its values into the first copy, which fails when
    the head has grown.
    """

    def __init__(self) -> None:
        check_version("ICaRLLossPlugin")
        super().__init__()

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Keep the model as teacher.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self.old_model = copy.deepcopy(strategy.model)
        for layer in self.old_model.children():
            layer.eval()
        self.old_classes += sorted(set(strategy.experience.dataset.targets))


class Exemplars(_ICaRLPlugin):
    """Avalanche's plugin, told the classes met so far.

    In avalanche-lib 0.6.0 it reads them from an attribute that only benchmarks of its older kind have, gives classes
    still to come a mean of zero, which images of the classes seen may be nearest to, and builds its memory such that it
    cannot be joined to a data set whose task labels are a list. To see sizes it runs the model once before the first
    pass, in train mode: BatchNorm's statistics move, and dropout's masks are drawn that belong to the pass.

    Args:
        mem_size: images kept, in total or of each class.
        fixed_memory: whether ``mem_size`` is the total.
    """

    def __init__(self, mem_size: int, fixed_memory: bool) -> None:
        check_version("ICaRL")
        super().__init__(mem_size, None, fixed_memory)
        self._classes: list[list[int]] = []

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Meet the classes of the experience.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        self._classes.append(sorted(strategy.experience.classes_in_this_experience))
        strategy.experience.benchmark = SimpleNamespace(
            n_classes_per_exp=[len(classes) for classes in self._classes],
            classes_order=[label for classes in self._classes for label in classes],
        )
        super().before_training_exp(strategy)

    def before_forward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """See sizes, once.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        if self.input_size is None:
            with drawn_again(RandomState({strategy.device})), _layers_in_eval_mode(strategy.model):
                super().before_forward(strategy)

    def after_train_dataset_adaptation(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Train on the experience and the exemplars together.

        Args:
            strategy: the Avalanche strategy.
            args: not used.
            kwargs: not used.
        """
        labels = [label for of_class in self.y_memory for label in of_class]
        if labels:
            attributes = [
                DataAttribute(labels, "targets"),
                DataAttribute([0] * len(labels), "targets_task_labels", use_in_getitem=True),
            ]
            images = TensorDataset(torch.cat(self.x_memory).cpu(), torch.tensor(labels))
            memory = TaskAwareSupervisedClassificationDataset([images], data_attributes=attributes)
            strategy.adapted_dataset = strategy.adapted_dataset.concat(memory)


@contextmanager
def _layers_in_eval_mode(model: nn.Module) -> Iterator[None]:
    """The layers below, so that the model itself goes on answering with its training head."""
    modes = {layer: layer.training for layer in model.modules()}
    for layer in model.children():
        layer.eval()
    try:
        yield
    finally:
        for layer, mode in modes.items():
            layer.training = mode
