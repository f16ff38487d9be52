"""Online streams: the images of an experience arrive a few at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from avalanche.benchmarks import OnlineCLExperience, with_task_labels

from lifelong_lb.config import StreamEntry
from lifelong_lb.seeding import ARRIVAL, derive


def arriving(train: Sequence[Any], index: int, entry: StreamEntry, seed: int) -> Iterator[Any]:
    """What a strategy gets of one experience: the experience itself, or its chunks, one after the other.

    Made by hand, since Avalanche 0.6.0 never marks the last chunk where all have the same size.

    Args:
        train: the stream's experiences to learn from.
        index: which of them.
        entry: what the study file says.
        seed: draws the order in which the images arrive.

    Yields:
        Avalanche experiences; chunks are numbered through the whole stream.
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
