"""Saving whatever training keeps in memory, but for the images: these are there when it is loaded, and are shared.

The files are pickles, as torch saves them. Loading one can run any code, so that only files of one's own may be loaded.
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

from lifelong_lb.optim import RebuiltOptimizer


class NotCarriedError(TypeError):
    """Something would not be the same after saving and loading; the message says what."""


def save_apart(value: Any, path: Path, shared: Sequence[Any]) -> None:
    """Save a value without what it shares with others.

    Args:
        value: anything that can be pickled; tensors that share memory go on sharing it.
        path: the file to write.
        shared: objects, and tensors whose memory is meant, that are not saved: :func:`load_with` is handed their likes.

    Raises:
        NotCarriedError: if something in it cannot be pickled, or would not be the same after loading.
    """
    module = SimpleNamespace(__name__="pickle", Pickler=_pickler_of(shared))
    try:
        torch.save(value, path, pickle_module=module, pickle_protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, TypeError, AttributeError, NotImplementedError) as error:
        raise error if isinstance(error, NotCarriedError) else NotCarriedError(str(error)) from error


def load_with(path: Path, shared: Sequence[Any]) -> Any:
    """Load what :func:`save_apart` has saved.

    Args:
        path: a file of one's own.
        shared: what was shared then, or its like, in the same order.

    Returns:
        The value.
    """

    class Unpickler(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if module == __name__ and name == _shared.__qualname__:
                return shared.__getitem__
            return super().find_class(module, name)

    module = SimpleNamespace(__name__="pickle", Unpickler=Unpickler)
    return torch.load(path, pickle_module=module, weights_only=False)


def parts_of(datasets: Iterable[Any]) -> list[Any]:
    """All that data sets are made of, to be shared.

    Args:
        datasets: Avalanche data sets.

    Returns:
        The data sets, what they are subsets of, their columns and their tensors, each once, in an order that depends
        on nothing else.
    """
    found: dict[int, Any] = {}
    for dataset in datasets:
        for part in _parts(dataset):
            found.setdefault(id(part), part)
    return list(found.values())


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
    """Stands in a pickle for a shared object; loading puts the object's like in its place."""
    raise NotCarriedError("this was saved without what it shares with others; load it with load_with")


class _Shared:
    """Stands in the place of a shared list, whose own pickling cannot be changed."""

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
    """A data set with its shared parts left out, lists too."""
    parts = [_Shared(numbers[id(part)]) if id(part) in numbers else part for part in data._datasets]
    return _blank, (type(data),), {**vars(data), "_datasets": parts}


def _check(value: Any) -> None:
    """Refuse what pickling would change without a word."""
    if isinstance(value, RebuiltOptimizer) and (lost := value.lost_when_saved()) is not None:
        raise NotCarriedError(f"{type(value.base).__name__} keeps {lost} where its state dict has nothing of it")
    for name, held in _attributes(value).items():
        order = list(held) if type(held) is set and all(type(each) is int for each in held) else []
        if order != list(set(order)):  # numbers come in an order that is the same in every process, else
            raise NotCarriedError(f"the order of {type(value).__name__}.{name}, a set, would not be the same")


def _attributes(value: Any) -> dict[str, Any]:
    return {} if isinstance(value, type) else getattr(value, "__dict__", {})
