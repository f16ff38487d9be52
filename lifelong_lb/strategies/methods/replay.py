"""ER-ACE, ER-AML and DER with Avalanche's ordinary training loop and one replayed minibatch per iteration.

Avalanche's classes draw inside their own loop or passes. These draw in ``_unpack_minibatch`` and compute the same loss
as ``criterion``, so that every pass of a step uses the same samples. Without an update rule they train bit for bit like
Avalanche's classes. ``replays_aside`` marks strategies whose replayed images are not part of the minibatches of their
data loader.
"""

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import torch
from avalanche.models import avalanche_forward
from avalanche.training.regularization import AMLCriterion
from avalanche.training.supervised import DER as AvalancheDER
from avalanche.training.supervised import ER_ACE as AvalancheERACE
from avalanche.training.supervised import ER_AML as AvalancheERAML
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.utils.data import DataLoader

from lifelong_lb.strategies.loading.loader import Endless
from lifelong_lb.strategies.methods.patches.version import check_version


class ERACE(AvalancheERACE):
    """ER-ACE: cross-entropy over the minibatch's own classes, and plain cross-entropy on replayed images.

    Caccia et al. 2022, arXiv 2104.05025. Takes the arguments of Avalanche's class.
    """

    training_epoch = SupervisedTemplate.training_epoch
    replays_aside = True
    replay_loader: Iterator[Any] | None
    replayed: list[Tensor] | None = None

    def __init__(self, **common: Any) -> None:
        check_version("ER_ACE")
        super().__init__(**common)

    def _before_training_exp(self, **kwargs: Any) -> None:
        super()._before_training_exp(**kwargs)
        if self.replay_loader is not None:
            self.replay_loader = endless(self.storage_policy.buffer, self.batch_size_mem)

    def _unpack_minibatch(self) -> None:
        super()._unpack_minibatch()
        if self.is_training:
            self.replayed = next_batch(self.replay_loader, self.device)

    def criterion(self) -> Tensor:
        """The loss of the minibatch, replayed images included.

        Returns:
            A scalar.
        """
        if not self.is_training or self.replayed is None:
            return plain_criterion(self)
        x, y, task = self.replayed
        loss: Tensor = self.ace_criterion(self.mb_output, self.mb_y, avalanche_forward(self.model, x, task), y)
        return loss


class ERAML(AvalancheERAML):
    """ER-AML: a supervised contrastive loss on the minibatch, and cross-entropy on replayed images.

    Caccia et al. 2022, arXiv 2104.05025. Takes the arguments of Avalanche's class. Positive and
    negative images are drawn before the forward pass instead of after it, which changes the random numbers of dropout.
    """

    training_epoch = SupervisedTemplate.training_epoch
    replays_aside = True
    replay_loader: Iterator[Any] | None
    replayed: list[Tensor] | None = None

    def __init__(self, *, feature_extractor: Any, temp: float, base_temp: float, device: Any, **common: Any) -> None:
        super().__init__(feature_extractor=feature_extractor, device=device, **common)
        self.aml_criterion = FrozenAML(feature_extractor, temp=temp, base_temp=base_temp, device=device)

    def _before_training_exp(self, **kwargs: Any) -> None:
        """Limit minibatches to the size of each class: a loader that drops the last one would yield none."""
        super()._before_training_exp(**kwargs)
        if self.replay_loader is not None:
            self.replay_loader = endless(self.storage_policy.buffer, self.batch_size_mem)
            groups = [group.buffer for group in self.storage_policy.buffer_groups.values()]
            self.pos_neg_loaders = [endless(group, min(self.train_mb_size, len(group))) for group in groups]

    def _after_training_exp(self, **kwargs: Any) -> None:
        """Drop the loaders, which restart with the next experience and cannot be pickled."""
        super()._after_training_exp(**kwargs)
        self.pos_neg_loaders = []

    def _unpack_minibatch(self) -> None:
        super()._unpack_minibatch()
        if self.is_training:
            self.replayed = next_batch(self.replay_loader, self.device)
            if self.replayed is not None:
                memory = [torch.cat(parts) for parts in zip(*map(next, self.pos_neg_loaders), strict=True)]
                self.aml_criterion.draw(self.mb_y, self.mb_task_id, _moved(memory, self.device))

    def criterion(self) -> Tensor:
        """The loss of the minibatch, replayed images included.

        Returns:
            A scalar.
        """
        if not self.is_training or self.replayed is None:
            return plain_criterion(self)
        x, y, task = self.replayed
        output = avalanche_forward(self.model, x, task)
        loss: Tensor = self.aml_criterion(self.mb_x, self.mb_y, self.mb_task_id, output, y, ())
        return loss


class FrozenAML(AMLCriterion):
    """Avalanche's criterion with the published loss, and one draw of positive and negative images for all passes.

    In avalanche-lib 0.6.0 the contrastive loss subtracts and divides along the wrong axis: the similarity of anchor i
    and image j is normalised by the maximum and the sum of anchor j. Here each anchor is normalised by its own, as in
    the paper (arXiv 2104.05025, eq. 4).

    Args:
        feature_extractor: images to features.
        temp: temperature.
        base_temp: base temperature.
        device: device of the images.
    """

    def __init__(self, feature_extractor: Any, *, temp: float, base_temp: float, device: Any) -> None:
        check_version("AMLCriterion")
        super().__init__(feature_extractor, temp=temp, base_temp=base_temp, device=device)

    def draw(self, y: Tensor, task: Tensor, memory: list[Tensor]) -> None:
        """Draw a positive and a negative image for each of a minibatch.

        Args:
            y: labels of the minibatch.
            task: its task labels.
            memory: images, labels and task labels to draw from.
        """
        self.drawn = super()._AMLCriterion__sample_pos_neg(y, task, *memory)

    def _AMLCriterion__sup_con_loss(
        self, anchor_features: Tensor, features: Tensor, anchor_targets: Tensor, targets: Tensor
    ) -> Tensor:
        """- temp / base_temp times the mean, over anchors and their positives, of the log-softmax over all features."""
        positive = (anchor_targets[:, None] == targets[None, :]).to(anchor_features.dtype)
        log_prob = torch.log_softmax(anchor_features @ features.T / self.temp, dim=1)
        loss: Tensor = -(self.temp / self.base_temp) * ((positive * log_prob).sum(1) / positive.sum(1)).mean()
        return loss

    def _AMLCriterion__sample_pos_neg(self, *drawn_from: Any) -> Any:
        return self.drawn


class DER(AvalancheDER):
    """DER and DER++: replayed images are stored with logits, which are matched, and for beta > 0 labels.

    Buzzega et al. 2020, arXiv 2004.07211. Arguments are those of Avalanche's class, which computes stored logits
    without a task and so fails on multi-head models; this one supports them.
    """

    training_epoch = SupervisedTemplate.training_epoch
    replays_aside = True
    _before_forward = SupervisedTemplate._before_forward
    mbatch: Any
    experience: Any
    replay_loader: Iterator[Any] | None
    _logits: Tensor | None = None

    def __init__(self, **common: Any) -> None:
        check_version("DER")
        super().__init__(**common)

    def _before_training_exp(self, **kwargs: Any) -> None:
        super()._before_training_exp(**kwargs)
        if self.replay_loader is not None:
            self.replay_loader = endless(self.storage_policy.buffer, self.batch_size_mem)

    def _unpack_minibatch(self) -> None:
        """Prepend the replayed images to the minibatch."""
        super()._unpack_minibatch()
        if self.is_training:
            replayed = next_batch(self.replay_loader, self.device)
            self._logits = None if replayed is None else replayed.pop()
            if replayed is not None:
                self.mbatch = [torch.cat(parts) for parts in zip(replayed, self.mbatch, strict=True)]

    def _after_training_exp(self, **kwargs: Any) -> None:
        """Fill the memory, with logits of the experience's task."""
        self.replay_loader = None
        teacher = OneTask(self.model, self.experience.task_labels[0])
        view = {"model": teacher, "train_mb_size": self.train_mb_size, "device": self.device}
        self.storage_policy.update(SimpleNamespace(experience=self.experience, **view))
        SupervisedTemplate._after_training_exp(self, **kwargs)

    def criterion(self) -> Tensor:
        """The loss of the minibatch, replayed images included.

        Returns:
            A scalar.
        """
        if not self.is_training or self._logits is None:
            return plain_criterion(self)
        n = len(self._logits)
        loss: Tensor = cross_entropy(self.mb_output[n:], self.mb_y[n:])
        loss += self.alpha * mse_loss(self.mb_output[:n], self._logits)
        loss += self.beta * cross_entropy(self.mb_output[:n], self.mb_y[:n])
        return loss


class OneTask(nn.Module):
    """A model with a fixed task label.

    Args:
        model: any Avalanche model.
        task: the task label.
    """

    def __init__(self, model: nn.Module, task: int) -> None:
        super().__init__()
        self.model, self.task = model, task

    def forward(self, x: Tensor) -> Tensor:
        """Logits of the task.

        Args:
            x: images.

        Returns:
            ``(B, classes)``.
        """
        logits: Tensor = avalanche_forward(self.model, x, x.new_full((len(x),), self.task, dtype=torch.int64))
        return logits


def plain_criterion(strategy: Any) -> Tensor:
    """The criterion on the minibatch alone.

    Args:
        strategy: the Avalanche strategy.

    Returns:
        A scalar.
    """
    loss: Tensor = SupervisedTemplate.criterion(strategy)
    return loss


def next_batch(loader: Iterator[Any] | None, device: torch.device) -> list[Tensor] | None:
    """Take the next minibatch of a memory.

    Args:
        loader: endless; None if there is nothing to replay.
        device: device of the minibatch.

    Returns:
        Its parts; None without a loader.
    """
    return None if loader is None else _moved(next(loader), device)


def _moved(parts: Iterable[Tensor], device: torch.device) -> list[Tensor]:
    return [part.to(device, non_blocking=True) for part in parts]


def endless(memory: Any, batch_size: int) -> Endless:
    """Endless minibatches of a memory in random order, full ones only.

    Args:
        memory: a data set of at least ``batch_size`` samples.
        batch_size: images per minibatch.

    Returns:
        An iterator over minibatches.
    """
    return Endless(DataLoader(memory, batch_size=batch_size, shuffle=True, drop_last=True))
