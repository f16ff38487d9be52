"""Online streams: the images of an experience arrive in small chunks."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from avalanche.benchmarks import OnlineCLExperience, with_task_labels

from lifelong_lb.config import StreamEntry
from lifelong_lb.seeding import ARRIVAL, derive


def training_chunks(train: Sequence[Any], index: int, entry: StreamEntry, seed: int) -> Iterator[Any]:
    """Yield the training experiences of one experience: itself, or its chunks if online.

    Avalanche's own splitting is not used: version 0.6.0 does not mark the last chunk if all chunks have equal size.

    Args:
        train: the stream's training experiences.
        index: index of the experience.
        entry: the stream's entry in the study file.
        seed: draws the order of the images.

    Yields:
        Avalanche experiences; chunks are numbered across the whole stream.
    """
    experience = train[index]
    if entry.chunk is None:
        yield experience
        return
    order = np.random.default_rng(derive(seed, ARRIVAL, index)).permutation(len(experience.dataset)).tolist()
    number = sum(-(-len(earlier.dataset) // entry.chunk) for earlier in train[:index])
    starts = range(0, len(order), entry.chunk)
    for start in starts:
        chunk = OnlineCLExperience(
            dataset=experience.dataset.subset(order[start : start + entry.chunk]),
            origin_experience=experience,
            is_first_subexp=start == 0,
            is_last_subexp=start == starts[-1],
            sub_stream_length=len(starts),
            access_task_boundaries=entry.task_boundaries,
        )
        chunk.current_experience = number
        chunk.classes_in_this_experience = {int(label) for label in chunk.dataset.targets}
        yield with_task_labels(chunk)
        number += 1
