"""The fixed images of an experience on which its landscape is measured."""

from typing import Any

import numpy as np
import torch

from lifelong_lb.landscape.surface import Batch
from lifelong_lb.models import TaskAwareClassifier
from lifelong_lb.seeding import LANDSCAPE, derive


def fixed_images(experience: Any, count: int, seed: int, model: Any, device: str | torch.device = "cpu") -> Batch:
    """Draw images of an experience: for one seed always the same, in a random order.

    Args:
        experience: of a stream's train or test part.
        count: how many; all where it has fewer.
        seed: the study's seed.
        model: decides whether task labels are among the inputs.
        device: where to put them.

    Returns:
        The images as one batch.
    """
    dataset, index = experience.dataset, int(experience.current_experience)
    generator = np.random.default_rng(derive(seed, LANDSCAPE, index))
    chosen = generator.permutation(len(dataset))[:count].tolist()
    x, y, task = zip(*(dataset[i] for i in chosen), strict=True)
    images = torch.stack(x).to(device)
    labels, tasks = (torch.tensor([int(v) for v in values], device=device) for values in (y, task))
    return Batch((images, tasks) if isinstance(model, TaskAwareClassifier) else (images,), labels)
