"""Split streams: the classes of a data set dealt out over experiences, equally many each."""

from collections.abc import Sequence

import torch

from lifelong_lb.config import SplitStream, UserError
from lifelong_lb.data.classes import class_order
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.data.shape import Shape
from lifelong_lb.streams.stream import LabelledPart, Stream, avalanche_streams


def split_stream(entry: SplitStream, images: ImageData, seed: int) -> Stream:
    """Build a split stream.

    In the task-incremental scenario an image's label is its class's place within its experience, and its task label
    the experience; in the class-incremental one its label is its class's place in the whole order, and its task
    label 0.

    Args:
        entry: what the study file says.
        images: the data set.
        seed: draws the class order, unless the entry fixes it.

    Returns:
        The stream.

    Raises:
        UserError: when the classes found cannot be dealt out as asked.
    """
    order = class_order(entry, images.classes, seed)
    per = len(order) // entry.experiences
    train, test = (_relabelled(part, order, per, entry.scenario) for part in (images.train, images.test))
    train_experiences, test_experiences = avalanche_streams(train, test, entry.experiences)
    channels, height, width = images.train.x.shape[1:]
    shape = Shape((channels, height, width), entry.experiences, len(order), per, images.mean, images.std)
    names = images.train.class_names
    named = tuple(names[c] if c < len(names) else str(c) for c in order) if names else ()
    return Stream(train_experiences, test_experiences, shape, order, named)


def _relabelled(part: ImageTensors, order: Sequence[int], per: int, scenario: str) -> LabelledPart:
    place = torch.full((max(order) + 1,), -1, dtype=torch.int64)
    place[list(order)] = torch.arange(len(order))
    unknown = (part.y < 0) | (part.y > max(order)) | (place[part.y.clamp(0, max(order))] < 0)
    if unknown.any():
        raise UserError(f"the test part has the class {int(part.y[unknown][0])}, which the train part lacks")
    absent = [label for label in order if not (part.y == label).any()]
    if absent:
        raise UserError(f"the test part has no image of the class {absent[0]}, which the train part has")
    position = place[part.y]
    experience = position // per
    if scenario == "task-incremental":
        return LabelledPart(part.x, position % per, experience, experience)
    return LabelledPart(part.x, position, torch.zeros_like(position), experience)
