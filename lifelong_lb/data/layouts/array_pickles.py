"""Safe unpickler for numpy arrays and plain containers.

Python's unpickler calls any function that a file names, and even a restricted one can be made to fill the memory or to
hang. This one supports only the operations for plain containers and numeric arrays, and replaces numpy's constructors.
"""

import io
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

OPERATIONS = (
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT",
    "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES",
    "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "EMPTY_LIST", "LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "EMPTY_DICT",
    "DICT", "SETITEM", "SETITEMS", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET",
    "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
)  # fmt: skip
"""Supported pickle operations."""

ARRAY_MODULES = (
    "numpy",
    "numpy.core.multiarray",
    "numpy._core.multiarray",
    "numpy.core.numeric",
    "numpy._core.numeric",
)
NUMBERS = ("b1", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8")
"""Supported types of arrays."""


@dataclass
class _Type:
    """Stand-in for ``numpy.dtype``."""

    code: str
    order: str = "|"

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or _text(state[1]) not in ("<", ">", "|", "="):
            raise ValueError("unsupported type of an array")
        self.order = _text(state[1])


class _Array:
    """Stand-in for ``numpy.ndarray`` while it is built."""

    values: NDArray[Any] | None = None

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise ValueError("unsupported state of an array")
        _, shape, kind, fortran, data = state
        self.values = _array(data, kind, shape, "F" if fortran is True or fortran == 1 else "C")


def unpickle(content: bytes) -> Any:
    """Read a pickle of arrays, containers, strings and numbers.

    Args:
        content: a pickle of protocol 2 or later.

    Returns:
        The value; strings written by Python 2 are bytes.

    Raises:
        ValueError: if it is damaged or contains other objects.

    Example:
        >>> unpickle(pickle.dumps({b"data": np.arange(3, dtype=np.uint8)}, protocol=2))
        {b'data': array([0, 1, 2], dtype=uint8)}
    """
    try:
        return _without_stand_ins(_Unpickler(io.BytesIO(content), encoding="bytes").load())
    except pickle.UnpicklingError as error:
        raise ValueError(str(error)) from None
    except MemoryError:
        raise ValueError("it needs more than the available memory") from None
    except RecursionError:
        raise ValueError("nesting too deep") from None
    except Exception as error:  # noqa: BLE001  the unpickler raises all kinds of errors for a damaged file
        raise ValueError(str(error) or type(error).__name__) from None


# the one in Python, because its memo is a dict, whose size does not depend on the largest index
_Base: Any = pickle._Unpickler


class _Unpickler(_Base):  # type: ignore[misc]  # the base class is Any
    """Unpickler limited to the operations and stand-ins of this module."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        getattr(pickle, name)[0]: _Base.dispatch[getattr(pickle, name)[0]] for name in OPERATIONS
    }

    def load(self) -> Any:
        try:
            return super().load()
        except KeyError as error:
            if error.args and isinstance(error.args[0], int):
                raise ValueError(f"operation {error.args[0]:#x} is not allowed") from None
            raise

    def find_class(self, module: str, name: str) -> Any:
        if module in ARRAY_MODULES and name in _BUILDERS:
            return _BUILDERS[name]
        if (module, name) == ("_codecs", "encode"):
            return _latin1_bytes
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed"[:200])

    def _items(self) -> None:
        """Set items; keys must be plain because hashing nested tuples can take exponential time."""
        items = self.pop_mark()
        if len(items) % 2 or not all(isinstance(key, bytes | str | int) for key in items[::2]):
            raise ValueError("keys of a mapping must be strings or integers")
        self.stack[-1].update(zip(items[::2], items[1::2], strict=True))

    def _item(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        if not isinstance(key, bytes | str | int):
            raise ValueError("keys of a mapping must be strings or integers")
        self.stack[-1].update({key: value})

    def _dict(self) -> None:
        self.stack, items = self.metastack.pop(), self.stack
        self.append({})
        self.metastack.append(self.stack)
        self.stack = items
        self._items()

    def _reduce(self) -> None:
        arguments = self.stack.pop()
        builder = self.stack[-1]
        if builder not in (*_BUILDERS.values(), _latin1_bytes) or not isinstance(arguments, tuple):
            raise ValueError("a call other than building an array is not allowed")
        self.stack[-1] = builder(*arguments)

    def _build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, _Array | _Type):
            raise ValueError("a state of an object other than an array is not allowed")
        target.__setstate__(state)

    dispatch[pickle.SETITEM[0]] = _item
    dispatch[pickle.SETITEMS[0]] = _items
    dispatch[pickle.DICT[0]] = _dict
    dispatch[pickle.REDUCE[0]] = _reduce
    dispatch[pickle.BUILD[0]] = _build


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _type(code: Any = "", *rest: Any) -> _Type:
    if _text(code) not in NUMBERS:
        raise ValueError("an array of objects other than numbers is not allowed")
    return _Type(_text(code))


def _reconstructed(*arguments: Any) -> _Array:
    return _Array()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any = "C") -> NDArray[Any]:
    return _array(data, kind, shape, _text(order))


def _latin1_bytes(text: Any, encoding: Any = "latin1") -> bytes:
    if not isinstance(text, str) or _text(encoding) not in ("latin1", "latin-1"):
        raise ValueError("unsupported encoding of bytes")
    return text.encode("latin-1")


_BUILDERS: dict[str, Callable[..., Any]] = {
    "_reconstruct": _reconstructed,
    "ndarray": _reconstructed,
    "dtype": _type,
    "_frombuffer": _from_buffer,
}


def _array(data: Any, kind: Any, shape: Any, order: str) -> NDArray[Any]:
    if not isinstance(data, bytes | bytearray) or not isinstance(kind, _Type):
        raise ValueError("an array has no numeric data")
    if not isinstance(shape, tuple) or not all(type(size) is int and 0 <= size <= sys.maxsize for size in shape):
        raise ValueError("unsupported shape of an array")
    values = np.frombuffer(data, np.dtype(kind.order.replace("|", "=") + kind.code))
    return values.reshape(shape, order="F" if order == "F" else "C")


def _without_stand_ins(value: Any) -> Any:
    """Replace stand-ins by their arrays, at the top level and in a top-level mapping."""
    if isinstance(value, _Array):
        return value.values
    if isinstance(value, dict):
        return {key: item.values if isinstance(item, _Array) else item for key, item in value.items()}
    return value
