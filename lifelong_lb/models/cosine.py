"""Cosine classifiers: logits that depend on the direction of features and weights, not on their lengths."""

from typing import Any

import torch
from avalanche.models import IncrementalClassifier
from torch import Tensor, nn
from torch.nn.functional import linear, normalize, pad


class CosineLinear(nn.Linear):
    """Cosine-normalised layer: the logit of class c is s <f, w_c> / (|f| |w_c|), with one learned scale s and no bias.

    Hou et al. 2019, "Learning a Unified Classifier Incrementally via Rebalancing", CVPR, eq. 4. As in their code, s
    begins with 1. Norms below 1e-12 count as 1e-12, so the logits of a feature vector of zeros are 0.

    Args:
        in_features: number of features.
        out_features: number of classes.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features, bias=False)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, input: Tensor) -> Tensor:
        """Compute the logits.

        Args:
            input: ``(B, in_features)``.

        Returns:
            ``(B, out_features)``, each in [-s, s].
        """
        return self.scale * linear(normalize(input, dim=1), normalize(self.weight, dim=1))


class GrowingCosine(IncrementalClassifier):
    """Avalanche's incremental classifier with a cosine layer; its scale remains the same parameter when it grows.

    Args:
        in_features: number of features.
        initial_out_features: number of classes at the start.
    """

    active_units: Tensor

    def __init__(self, in_features: int, initial_out_features: int) -> None:
        super().__init__(in_features, initial_out_features=initial_out_features)
        self.classifier = CosineLinear(in_features, initial_out_features)

    @torch.no_grad()
    def adaptation(self, experience: Any) -> None:
        """Add outputs for new classes, and mark the classes of the experience as seen.

        Args:
            experience: an Avalanche experience.
        """
        before, known = self.classifier, self.classifier.out_features
        new = max(experience.classes_in_this_experience) + 1 - known
        if new > 0:
            self.classifier = CosineLinear(before.in_features, known + new).to(before.weight)
            self.classifier.weight[:known] = before.weight
            self.classifier.scale = before.scale
            self.active_units = pad(self.active_units, (0, new))
        super().adaptation(experience)
