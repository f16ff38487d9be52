"""Streaming linear discriminant analysis that answers with classes it has seen."""

from typing import Any

import torch
from avalanche.training.supervised import StreamingLDA as AvalanchesStreamingLDA
from torch import Tensor, nn

from lifelong_lb.strategies.methods.patches.version import check_version


class StreamingLDA(AvalanchesStreamingLDA):
    """Avalanche's strategy (Hayes & Kanan 2020, arXiv 1909.01520), with its faults in avalanche-lib 0.6.0 fixed.

    There a class that is still to come has a mean of zero and a score of zero, which is the highest where those of all
    classes seen are negative; each training minibatch is predicted for nobody, which inverts the covariance; and every
    plugin there is draws a warning. Here a class that has not been seen scores minus infinity in evaluations, and in
    training every class scores zero, or NaN where a feature is not finite.

    Args:
        features: from images to features ``(B, F)``; it is left as it is, in eval mode.
        feature_size: F.
        classes: of the stream.
        shrinkage: share of the identity in the covariance that is inverted.
        settings: the other arguments of Avalanche's class.
    """

    def __init__(
        self, *, features: nn.Module, feature_size: int, classes: int, shrinkage: float, **settings: Any
    ) -> None:
        check_version("StreamingLDA")
        super().__init__(
            slda_model=features, input_size=feature_size, num_classes=classes, shrinkage_param=shrinkage, **settings
        )

    def _check_plugin_compatibility(self) -> None:
        """Nothing: Avalanche's looks for hooks that its plugins are all born with."""

    @torch.no_grad()
    def forward(self, return_features: bool = False) -> Any:
        """Scores of the classes.

        Args:
            return_features: whether the features are wanted, too.

        Returns:
            Scores ``(B, classes)``, and features ``(B, F)`` where they are wanted.
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
