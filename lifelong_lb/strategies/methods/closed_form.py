"""Classifiers on fixed features that are fitted in one pass over the images, without an optimizer."""

from abc import abstractmethod
from typing import Any

import torch
from avalanche.training.templates import SupervisedTemplate
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize, one_hot, relu

RIDGES = tuple(10.0**power for power in range(-8, 9))
"""Weights of the ridge penalty among which RanPAC chooses."""
FITTED_SHARE = 0.8
"""Share of an experience's images that RanPAC fits for this choice; it measures the error on the others."""


class ClosedForm(SupervisedTemplate):
    """A strategy that fits a classifier on features of a model that is not trained.

    A subclass implements :meth:`fit` and :meth:`scores`. Each image is used once, in the first epoch of its experience.
    In evaluations, a class that has not been seen scores minus infinity; in training every class scores zero, or NaN if
    a feature is not finite.

    Args:
        features: module from images to features ``(B, F)``; not trained, in eval mode.
        classes: number of classes of the stream.
        settings: other arguments of Avalanche's class.

    Attributes:
        counts: ``(classes,)``, number of images of each class so far.
    """

    def __init__(self, *, features: nn.Module, classes: int, **settings: Any) -> None:
        super().__init__(model=features.eval(), optimizer=None, **settings)
        self.counts = torch.zeros(classes, device=self.device)

    def _check_plugin_compatibility(self) -> None:
        """Do nothing: Avalanche's check warns of hooks that every plugin inherits."""

    def make_optimizer(self, **kwargs: Any) -> None:
        """Do nothing: there is no optimizer."""

    @abstractmethod
    def fit(self, features: Tensor, labels: Tensor) -> None:
        """Learn from a minibatch.

        Args:
            features: ``(B, F)``.
            labels: int64 ``(B,)``.
        """

    @abstractmethod
    def scores(self, features: Tensor) -> Tensor:
        """Score the classes.

        Args:
            features: ``(B, F)``.

        Returns:
            ``(B, classes)``.
        """

    @torch.no_grad()
    def forward(self) -> Tensor:
        """Scores of the classes for the current minibatch.

        Returns:
            ``(B, classes)``.
        """
        self.model.eval()
        features: Tensor = self.model(self.mb_x)
        if self.is_training:
            return self._no_scores(features)
        return self.scores(features).masked_fill(self.counts == 0, -torch.inf)

    def _no_scores(self, features: Tensor) -> Tensor:
        return (features * 0).sum(dim=1, keepdim=True).expand(-1, len(self.counts))

    @torch.no_grad()
    def training_epoch(self, **kwargs: Any) -> None:
        """Pass over the images of an experience.

        Args:
            kwargs: passed to the hooks.
        """
        for minibatch in self.dataloader:
            self.mbatch = minibatch
            self._unpack_minibatch()
            self._before_training_iteration(**kwargs)
            self._before_forward(**kwargs)
            features = self.model.eval()(self.mb_x)
            self.mb_output = self._no_scores(features)
            self._after_forward(**kwargs)
            self.loss = self._make_empty_loss() + self.criterion()
            self._before_update(**kwargs)
            if self.clock.train_exp_epochs == 0:
                self.counts += torch.bincount(self.mb_y, minlength=len(self.counts))
                self.fit(features, self.mb_y)
            self._after_update(**kwargs)
            self._after_training_iteration(**kwargs)


class NearestMean(ClosedForm):
    """Nearest class mean (Mensink et al. 2013, "Distance-Based Image Classification").

    Args:
        feature_size: F.
        cosine: whether to compare directions instead of Euclidean distances.
        settings: arguments of :class:`ClosedForm`.

    Attributes:
        sums: ``(classes, F)``, sum of the features of each class.
    """

    def __init__(self, *, feature_size: int, cosine: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self.cosine = cosine
        self.sums = torch.zeros(len(self.counts), feature_size, device=self.device)

    def fit(self, features: Tensor, labels: Tensor) -> None:
        """Add features to the sums of their classes."""
        self.sums.index_add_(0, labels, features)

    def scores(self, features: Tensor) -> Tensor:
        """Score by the negative squared distance to each mean, or by the cosine of the angle to it."""
        means = self.sums / self.counts.clamp(min=1)[:, None]
        if self.cosine:
            return normalize(features) @ normalize(means).T
        return -torch.cdist(features, means, compute_mode="donot_use_mm_for_euclid_dist").square()


class RanPAC(ClosedForm):
    """Ridge regression on a random projection of the features.

    McDonnell et al. 2023, "RanPAC: Random Projections and Pre-trained Models for Continual Learning", arXiv 2307.02251:
    its second phase. The first one, which adapts the backbone to the first experience by parameter-efficient
    fine-tuning, is not part of it. h = relu(f W) with a random Gaussian W, G = sum h h^T, C = sum h y^T over all images
    so far with one-hot labels y, scores h (G + ridge I)^-1 C.

    Args:
        feature_size: F.
        projection: number of columns of W.
        ridge: weight of the penalty; None to choose it after each experience from :data:`RIDGES`, by the squared error
            on the last fifth of its images after fitting the others.
        settings: arguments of :class:`ClosedForm`.

    Attributes:
        ridge: the weight in use; 1 until it is chosen for the first time.
    """

    def __init__(self, *, feature_size: int, projection: int, ridge: float | None, **settings: Any) -> None:
        super().__init__(**settings)
        self.ridge, self._chooses = 1.0 if ridge is None else ridge, ridge is None
        self.projection = torch.randn(feature_size, projection).to(self.device)
        self.gram = torch.zeros(projection, projection, device=self.device)
        self.targets = torch.zeros(projection, len(self.counts), device=self.device)
        self._weights: Tensor | None = None
        self._seen: list[tuple[Tensor, Tensor]] = []

    def _projected(self, features: Tensor) -> Tensor:
        return relu(features @ self.projection)

    def fit(self, features: Tensor, labels: Tensor) -> None:
        """Add features to G and C."""
        h = self._projected(features)
        self.gram.addmm_(h.T, h)
        self.targets.index_add_(1, labels, h.T)
        self._weights = None
        if self._chooses:
            self._seen.append((features, labels))

    def scores(self, features: Tensor) -> Tensor:
        """Score by the ridge regression."""
        if self._weights is None:
            gram = _exact(self.gram)
            gram.diagonal().add_(self.ridge)
            self._weights = torch.linalg.solve(gram, _exact(self.targets)).to(features.device, features.dtype)
        return self._projected(features) @ self._weights

    @torch.no_grad()
    def _after_training_exp(self, **kwargs: Any) -> None:
        seen, self._seen = self._seen, []
        fitted = int(FITTED_SHARE * sum(len(labels) for _, labels in seen))
        if fitted:
            features, labels = (torch.cat(parts) for parts in zip(*seen, strict=True))
            h, y = _exact(self._projected(features)), _exact(one_hot(labels, len(self.counts)))
            losses = ridge_errors(h[:fitted], y[:fitted], h[fitted:], y[fitted:])
            self.ridge, self._weights = RIDGES[int(torch.stack(losses).argmin())], None
        super()._after_training_exp(**kwargs)


def ridge_errors(x: Tensor, y: Tensor, held_x: Tensor, held_y: Tensor) -> list[Tensor]:
    """Mean squared errors of ridge regressions on held-out samples, for each penalty of :data:`RIDGES`.

    All regressions share one eigendecomposition, of the smaller of x x^T and x^T x.

    Args:
        x: ``(N, M)``, float64.
        y: ``(N, K)``, targets.
        held_x: ``(N', M)``.
        held_y: ``(N', K)``.

    Returns:
        A number for each penalty.
    """
    if len(x) <= x.shape[1]:
        values, vectors = torch.linalg.eigh(x @ x.T)
        left, right = held_x @ x.T @ vectors, vectors.T @ y
    else:
        values, vectors = torch.linalg.eigh(x.T @ x)
        left, right = held_x @ vectors, vectors.T @ (x.T @ y)
    return [mse_loss(left / (values.clamp(min=0) + ridge) @ right, held_y) for ridge in RIDGES]


def _exact(values: Tensor) -> Tensor:
    """Values in float64, on the host if their device has none."""
    return values.to("cpu" if values.device.type == "mps" else values.device, torch.float64)
