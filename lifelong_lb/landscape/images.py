"""Fixed sample of images on which the landscape of an experience is measured."""

from typing import Any

import numpy as np
import torch

from lifelong_lb.landscape.surface import Batch
from lifelong_lb.models import TaskAwareClassifier
from lifelong_lb.seeding import LANDSCAPE, derive


def fixed_images(experience: Any, count: int, seed: int, model: Any, device: str | torch.device = "cpu") -> Batch:
    """Draw images of an experience; the sample depends on the seed and the experience only.

    Args:
        experience: an experience of the train or test stream.
        count: number of images; all images if the experience has fewer.
        seed: the study's seed.
        model: a task-aware model also gets the task labels as input.
        device: device of the batch.

    Returns:
        The images in random order, as one batch.
    """
    dataset, index = experience.dataset, int(experience.current_experience)
    generator = np.random.default_rng(derive(seed, LANDSCAPE, index))
    chosen = generator.permutation(len(dataset))[:count].tolist()
    x, y, task = zip(*(dataset[i] for i in chosen), strict=True)
    images = torch.stack(x).to(device)
    labels, tasks = (torch.tensor([int(v) for v in values], device=device) for values in (y, task))
    return Batch((images, tasks) if isinstance(model, TaskAwareClassifier) else (images,), labels)
