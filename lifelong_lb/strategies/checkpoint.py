"""Checkpoints of a training process without its images, which are shared with the loading process.

The files are pickles written by torch. Loading one can run any code: load only files that you have written.
"""

import pickle
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from avalanche.benchmarks.utils import AvalancheDataset
from avalanche.benchmarks.utils.data_attribute import DataAttribute
from avalanche.benchmarks.utils.flat_data import FlatData
from torch import Tensor
from torch.utils.data import TensorDataset

from lifelong_lb import devices
from lifelong_lb.optim import RebuiltOptimizer


class NotCarriedError(TypeError):
    """An object cannot be saved, or would differ after loading; the message names it."""


def save_apart(value: Any, path: Path, shared: Sequence[Any]) -> None:
    """Save a value without its shared parts.

    Args:
        value: anything that can be pickled; tensors that share memory still share it after loading.
        path: the file to write.
        shared: objects and tensors (their memory) that are not saved; :func:`load_with` gets their counterparts.

    Raises:
        NotCarriedError: if a part of it cannot be pickled or would differ after loading.
    """
    module = SimpleNamespace(__name__="pickle", Pickler=_pickler_of(shared))
    try:
        torch.save(value, path, pickle_module=module, pickle_protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError, NotImplementedError) as error:
        raise error if isinstance(error, NotCarriedError) else NotCarriedError(str(error)) from error


def load_with(path: Path, shared: Sequence[Any]) -> Any:
    """Load a value saved by :func:`save_apart`.

    Args:
        path: a trusted file.
        shared: counterparts of the shared parts, in the same order.

    Returns:
        The value; tensors of an accelerator are on the current one, which may have another index.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if module == __name__ and name == _shared.__qualname__:
                return shared.__getitem__
            return super().find_class(module, name)

    module = SimpleNamespace(__name__="pickle", Unpickler=Unpickler)
    return torch.load(path, map_location=devices.to_current, pickle_module=module, weights_only=False)


def parts_of(datasets: Iterable[Any]) -> list[Any]:
    """Shareable parts of data sets.

    Args:
        datasets: Avalanche data sets.

    Returns:
        The data sets, those they are subsets of, their columns and tensors, each once, in a deterministic order.
    """
    parts: dict[int, Any] = {}
    for dataset in datasets:
        for part in _parts(dataset):
            parts.setdefault(id(part), part)
    return list(parts.values())


def _parts(node: Any) -> Iterator[Any]:
    yield node
    if isinstance(node, AvalancheDataset):
        inner = [node._flat_data, *node._data_attributes.values()]
    elif isinstance(node, DataAttribute):
        inner = [node.data]
    elif isinstance(node, FlatData):
        inner = list(node._datasets)
    elif isinstance(node, TensorDataset):
        inner = list(node.tensors)
    else:
        inner = []
    for part in inner:
        yield from _parts(part)


def _shared(index: int) -> Any:
    """Placeholder of a shared object in a pickle, replaced by its counterpart on loading."""
    raise NotCarriedError("this file was saved without its shared parts; load it with load_with")


class _Shared:
    """Placeholder of a shared list, whose pickling cannot be overridden."""

    def __init__(self, index: int) -> None:
        self.index = index


def _view(base: Tensor, size: torch.Size, stride: tuple[int, ...], offset: int) -> Tensor:
    return base.as_strided(size, stride, offset)


def _blank(kind: type) -> Any:
    return object.__new__(kind)


def _pickler_of(shared: Sequence[Any]) -> type[pickle.Pickler]:
    numbers = {id(part): i for i, part in enumerate(shared)}
    bases = {part.untyped_storage().data_ptr(): part for part in shared if isinstance(part, Tensor) and part.numel()}

    class Pickler(pickle.Pickler):
        def reducer_override(self, obj: Any) -> Any:
            number = obj.index if isinstance(obj, _Shared) else numbers.get(id(obj))
            if number is not None:
                return _shared, (number,)
            if type(obj) is Tensor and obj.device.type == "cpu" and obj.layout == torch.strided:
                base = bases.get(obj.untyped_storage().data_ptr())
                if base is not None and base.dtype == obj.dtype:
                    return _view, (base, obj.size(), obj.stride(), obj.storage_offset())
            if isinstance(obj, FlatData):
                return _flat(obj, numbers)
            _check(obj)
            return NotImplemented

    return Pickler


def _flat(data: FlatData[Any], numbers: dict[int, int]) -> tuple[Any, ...]:
    """Reduce a data set without its shared parts."""
    parts = [_Shared(numbers[id(part)]) if id(part) in numbers else part for part in data._datasets]
    return _blank, (type(data),), {**vars(data), "_datasets": parts}


def _check(value: Any) -> None:
    """Refuse values that pickling would change silently."""
    if isinstance(value, RebuiltOptimizer) and (lost := value.lost_when_saved()) is not None:
        raise NotCarriedError(f"{type(value.base).__name__} keeps {lost}, which its state dict does not restore")
    for name, held in _attributes(value).items():
        order = list(held) if type(held) is set and all(type(each) is int for each in held) else []
        if order != list(set(order)):  # an order that every process reproduces
            raise NotCarriedError(f"the order of the set {type(value).__name__}.{name} would change")


def _attributes(value: Any) -> dict[str, Any]:
    return {} if isinstance(value, type) else getattr(value, "__dict__", {})
