"""Weight aligning (WA): distillation, exemplars, and classifier weights of equal mean norm for old and new classes."""

import copy
from typing import Any

import torch
from avalanche.core import SupervisedPlugin
from avalanche.models import avalanche_forward
from torch import Tensor, nn
from torch.nn.functional import log_softmax, softmax

from lifelong_lb.strategies.methods.patches.icarl import herded


class WeightAligning(SupervisedPlugin):
    """WA: "Maintaining Discrimination and Fairness in Class Incremental Learning", Zhao et al. 2020, arXiv 1911.07053.

    An experience is trained on together with exemplars of the old classes, chosen by herding. With n old classes among
    m seen, the loss is (1 - n / m) cross-entropy + (n / m) distillation, the cross-entropy of the old classes' softmax
    with that of the model before the experience. After training, the weights of the new classes in the classifier are
    multiplied by the mean norm of the old classes' weights divided by that of the new ones. As in PyCIL (Zhou et al.
    2023, arXiv 2112.12533), weights are not restricted to positive values.

    Args:
        mem_size: number of exemplars, divided equally among the classes seen.
        temperature: temperature of both softmaxes, > 0.
    """

    def __init__(self, mem_size: int, temperature: float) -> None:
        super().__init__()
        self.mem_size, self.temperature = mem_size, temperature
        self.exemplars: dict[int, Any] = {}
        self.teacher: nn.Module | None = None

    def _classes(self, strategy: Any) -> tuple[list[int], list[int]]:
        """Old classes, those with exemplars, and the new ones of the experience."""
        new = set(strategy.experience.classes_in_this_experience) - set(self.exemplars)
        return sorted(self.exemplars), sorted(new)

    def after_train_dataset_adaptation(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Train on the experience and the exemplars together."""
        for exemplars in self.exemplars.values():
            strategy.adapted_dataset = strategy.adapted_dataset.concat(exemplars)

    def before_backward(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Mix cross-entropy and distillation."""
        if self.teacher is None:
            return
        old, new = self._classes(strategy)
        with torch.no_grad():
            taught = avalanche_forward(self.teacher, strategy.mb_x, strategy.mb_task_id)
        share = len(old) / (len(old) + len(new))
        distilled = distillation(strategy.mb_output[:, old], taught[:, old], self.temperature)
        strategy.loss = (1 - share) * strategy.loss + share * distilled

    def after_training_exp(self, strategy: Any, *args: Any, **kwargs: Any) -> None:
        """Align the classifier, choose exemplars, and copy the model as teacher."""
        old, new = self._classes(strategy)
        head = strategy.model.head
        if old and new:
            align(getattr(head, "classifier", head).weight, old, new)
        self._choose(strategy, new)
        self.teacher = copy.deepcopy(strategy.model).eval()

    @torch.no_grad()
    def _choose(self, strategy: Any, new: list[int]) -> None:
        """Choose exemplars of the new classes, and drop those of old ones that were chosen last."""
        kept = self.mem_size // (len(self.exemplars) + len(new))
        for label, exemplars in self.exemplars.items():
            self.exemplars[label] = exemplars.subset(list(range(min(kept, len(exemplars)))))
        dataset, was_training = strategy.experience.dataset.eval(), strategy.model.training
        labels = torch.tensor(list(dataset.targets))
        strategy.model.eval()
        for label in new:
            rows = torch.nonzero(labels == label).flatten()
            images = torch.stack([dataset[int(row)][0] for row in rows])
            parts = torch.split(images, strategy.eval_mb_size)
            order = herded(
                torch.cat([strategy.model.features(part.to(strategy.device)).float() for part in parts]), kept
            )
            first = sorted(torch.nonzero(order).flatten().tolist(), key=order.tolist().__getitem__)
            self.exemplars[label] = strategy.experience.dataset.subset(rows[first].tolist())
        strategy.model.train(was_training)


def distillation(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Cross-entropy of softened outputs with those of a teacher, a mean over images.

    Args:
        logits: ``(B, n)``.
        taught: the teacher's, ``(B, n)``.
        temperature: > 0.

    Returns:
        A number.
    """
    soft = softmax(taught / temperature, dim=1)
    return -(soft * log_softmax(logits / temperature, dim=1)).sum(dim=1).mean()


@torch.no_grad()
def align(weight: Tensor, old: list[int], new: list[int]) -> None:
    """Scale rows of new classes so that their mean norm is that of the old ones.

    Args:
        weight: ``(classes, F)``, modified.
        old: rows of the old classes.
        new: rows of the new classes.
    """
    norms = torch.linalg.vector_norm(weight, dim=1)
    weight[new] *= norms[old].mean() / norms[new].mean()
