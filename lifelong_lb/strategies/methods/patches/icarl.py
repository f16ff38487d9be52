"""iCaRL for streams whose classes do not recur, with its teacher in eval mode."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from avalanche.benchmarks.utils import TaskAwareSupervisedClassificationDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from avalanche.models import NCMClassifier
from avalanche.training.losses import ICaRLLossPlugin
from avalanche.training.supervised.icarl import _ICaRLPlugin
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from lifelong_lb.optim.passes import RandomState, drawn_again
from lifelong_lb.strategies.methods.patches.version import check_version

MAX_ROUNDS = 1000
"""Rounds of herding for a class, as in the published code."""


class ICaRLLoss(ICaRLLossPlugin):
    """Avalanche's loss, with the layers of its teacher in eval mode.

    In avalanche-lib 0.6.0 the teacher stays in train mode, which selects its training head; so it normalises by the
    statistics of each minibatch and draws dropout masks. Here only its layers are in eval mode. The teacher is a new
    copy of the model; Avalanche loads values into the first copy, which fails after the head has grown.
    """

    def __init__(self) -> None:
        check_version("ICaRLLossPlugin")
        super().__init__()

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Copy the model as teacher."""
        self.old_model = copy.deepcopy(strategy.model)
        for layer in self.old_model.children():
            layer.eval()
        self.old_classes += sorted(set(strategy.experience.dataset.targets))


class NearestClassMean(NCMClassifier):
    """Avalanche's nearest-class-mean classifier, for zero features and future classes.

    In avalanche-lib 0.6.0 the scores of an image whose features are all zero are NaN, and a class without a mean is
    scored by a mean of zero, which may be the nearest. Here zero features stay zero, at distance 1 from every mean of
    unit length, and a class without a mean scores minus infinity.
    """

    def __init__(self) -> None:
        check_version("NCMClassifier")
        super().__init__(normalize=True)

    def init_missing_classes(self, classes: Any, class_size: int, device: Any) -> None:
        """Do nothing for classes without a mean but update the tensor of means.

        Args:
            classes: ignored.
            class_size: ignored.
            device: ignored.
        """
        self._vectorize_means_dict()

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """Negative distances to the class means.

        Args:
            x: features ``(B, F)``.

        Returns:
            ``(B, classes)``; all zero before the first mean is known.
        """
        if not self.class_means_dict:
            return x.new_zeros(len(x), self.max_class + 1)
        scores = -torch.cdist(unit(x), self.class_means.to(x.device))
        known = torch.zeros(scores.shape[1], dtype=torch.bool, device=x.device)
        known[list(self.class_means_dict)] = True
        return scores.masked_fill(~known, -torch.inf)


class Exemplars(_ICaRLPlugin):
    """Avalanche's plugin, with the classes seen so far, and class means of the training images.

    Faults of avalanche-lib 0.6.0: it reads the classes from an attribute of its older benchmarks only, gives future
    classes a mean of zero, which may be the nearest, and builds a memory that cannot be joined to a data set whose task
    labels are a list. To get sizes it runs the model in train mode before the first pass, which changes BatchNorm
    statistics and dropout masks. Class means include mirror images on every data set, as suits the natural images of
    the paper; here only if training mirrors images. Zero features are divided by a norm of zero, and one such exemplar
    makes its class mean NaN; here they stay zero.

    Args:
        mem_size: number of images kept, in total or per class.
        fixed_memory: whether ``mem_size`` is the total.
        mirrored: whether training mirrors images at random, so that class means are to include mirror images.
    """

    def __init__(self, mem_size: int, fixed_memory: bool, *, mirrored: bool = False) -> None:
        check_version("ICaRL")
        super().__init__(mem_size, None, fixed_memory)
        self.mirrored = mirrored
        self._classes: list[list[int]] = []

    def before_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Register the classes of the experience."""
        self._classes.append(sorted(strategy.experience.classes_in_this_experience))
        strategy.experience.benchmark = SimpleNamespace(
            n_classes_per_exp=[len(classes) for classes in self._classes],
            classes_order=[label for classes in self._classes for label in classes],
        )
        super().before_training_exp(strategy)

    def before_forward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Determine sizes, once."""
        if self.input_size is None:
            with drawn_again(RandomState({strategy.device})), _layers_in_eval_mode(strategy.model):
                super().before_forward(strategy)

    def after_train_dataset_adaptation(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Train on the experience and the exemplars together."""
        labels = [label for of_class in self.y_memory for label in of_class]
        if labels:
            attributes = [
                DataAttribute(labels, "targets"),
                DataAttribute([0] * len(labels), "targets_task_labels", use_in_getitem=True),
            ]
            images = TensorDataset(torch.cat(self.x_memory).cpu(), torch.tensor(labels))
            memory = TaskAwareSupervisedClassificationDataset([images], data_attributes=attributes)
            strategy.adapted_dataset = strategy.adapted_dataset.concat(memory)

    @torch.no_grad()
    def construct_exemplar_set(self, strategy: Any) -> None:
        """Choose exemplars of the classes of the experience.

        Args:
            strategy: the Avalanche strategy, its model in eval mode.
        """
        kept = -(-self.memory_size // len(self.observed_classes)) if self.fixed_memory else self.memory_size
        dataset = strategy.experience.dataset.eval()
        targets = torch.tensor(list(dataset.targets))
        for label in self._classes[-1]:
            of_class = dataset.subset(torch.where(targets == label)[0].tolist())
            collate = getattr(of_class, "collate_fn", None)
            loader = DataLoader(of_class, batch_size=strategy.eval_mb_size, collate_fn=collate)
            images = [minibatch[0].to(strategy.device) for minibatch in loader]
            features = torch.cat([strategy.model.feature_extractor(part) for part in images])
            order = herded(features, kept)
            chosen = torch.where(order > 0)[0]
            self.x_memory.append(torch.cat(images)[chosen])
            self.y_memory.append([label] * len(chosen))
            self.order.append(order[chosen])

    @torch.no_grad()
    def compute_class_means(self, strategy: Any) -> None:
        """Average the features of the exemplars of each class.

        Args:
            strategy: the Avalanche strategy, its model in eval mode.
        """
        for images, labels in zip(self.x_memory, self.y_memory, strict=True):
            views = [images, images.flip(3)] if self.mirrored else [images]
            means = [unit(strategy.model.feature_extractor(view.to(strategy.device))).mean(dim=0) for view in views]
            self.class_means[labels[0]] = unit(torch.stack(means).mean(dim=0))
        strategy.model.eval_classifier.replace_class_means_dict(self.class_means)


def unit(features: Tensor) -> Tensor:
    """Features divided by their Euclidean norm; zero features stay zero.

    Args:
        features: ``(..., F)``.

    Returns:
        The same shape.

    Example:
        >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    norms = torch.linalg.vector_norm(features, dim=-1, keepdim=True)
    return features / torch.where(norms > 0, norms, 1)


def herded(features: Tensor, kept: int) -> Tensor:
    """Choose exemplars whose running mean approximates the class mean, as in the published code of iCaRL.

    Rebuffi et al. 2017 (arXiv 1611.07725), algorithm 4, on features of unit length. As in that code an image is chosen
    once: a round that selects it again chooses none, and after 1000 rounds fewer may be kept. (The paper's formula does
    not exclude chosen images.)

    Args:
        features: features of the images of a class, ``(N, F)``.
        kept: largest number of images to choose.

    Returns:
        ``(N,)``: 1 for the image chosen first, 2 for the next, 0 for those not chosen.

    Example:
        The mean is (1/3, 2/3), nearest to the second image; the remainder, (2/3, 1/3), to the first.

        >>> herded(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), 2).tolist()
        [2.0, 1.0, 0.0]
    """
    directions = unit(features).T
    mean = directions.mean(dim=1)
    order = torch.zeros(len(features), device=features.device)
    towards, chosen = mean, 0
    for _ in range(MAX_ROUNDS):
        if chosen == kept:
            break
        best = int(torch.argmax(towards.unsqueeze(0) @ directions))
        if order[best] == 0:
            chosen += 1
            order[best] = chosen
        towards = towards + mean - directions[:, best]
    return order


@contextmanager
def _layers_in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Set the child layers to eval mode; the model itself still uses its training head."""
    modes = {layer: layer.training for layer in model.modules()}
    for layer in model.children():
        layer.eval()
    try:
        yield
    finally:
        for layer, mode in modes.items():
            layer.training = mode
