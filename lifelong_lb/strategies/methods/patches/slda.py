"""Streaming linear discriminant analysis that predicts only classes it has seen."""

from typing import Any

import torch
from avalanche.training.supervised import StreamingLDA as AvalanchesStreamingLDA
from torch import Tensor, nn

from lifelong_lb.strategies.methods.patches.version import check_version


class StreamingLDA(AvalanchesStreamingLDA):
    """Avalanche's strategy (Hayes & Kanan 2020, arXiv 1909.01520), with faults of avalanche-lib 0.6.0 fixed.

    There a future class has a mean and a score of zero, the highest score if those of all classes seen are negative;
    each training minibatch is predicted although the result is not used, which inverts the covariance; and every plugin
    causes a warning. Here a class that has not been seen scores minus infinity in evaluations, and in training every
    class scores zero, or NaN if a feature is not finite.

    Args:
        features: module from images to features ``(B, F)``; not trained, in eval mode.
        feature_size: F.
        classes: number of classes of the stream.
        shrinkage: share of the identity in the covariance that is inverted.
        settings: other arguments of Avalanche's class.
    """

    def __init__(
        self, *, features: nn.Module, feature_size: int, classes: int, shrinkage: float, **settings: Any
    ) -> None:
        check_version("StreamingLDA")
        super().__init__(
            slda_model=features, input_size=feature_size, num_classes=classes, shrinkage_param=shrinkage, **settings
        )

    def _check_plugin_compatibility(self) -> None:
        """Do nothing: Avalanche's check warns of hooks that every plugin inherits."""

    @torch.no_grad()
    def forward(self, return_features: bool = False) -> Any:
        """Scores of the classes.

        Args:
            return_features: whether to return the features as well.

        Returns:
            Scores ``(B, classes)``, and features ``(B, F)`` if requested.
        """
        return super().forward(return_features)

    @torch.no_grad()
    def predict(self, X: Tensor) -> Tensor:  # noqa: N803
        """Score the classes.

        Args:
            X: features ``(B, F)``.

        Returns:
            ``(B, classes)``.
        """
        if self.is_training:
            return (X * 0).sum(dim=1, keepdim=True).expand(-1, len(self.cK))
        scores: Tensor = super().predict(X)
        return scores.masked_fill(self.cK == 0, -torch.inf)
