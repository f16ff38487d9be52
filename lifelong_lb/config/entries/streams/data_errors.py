"""Errors about the data of a stream, with the line of the study file that names the key at fault."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from lifelong_lb.config.entries.streams.base import StreamEntry
from lifelong_lb.config.errors import UserError


def refuse(stream: StreamEntry, key: str, sentence: str) -> NoReturn:
    """Refuse data that do not fit a stream's setting.

    Args:
        stream: the stream's entry in the study file.
        key: the key at fault.
        sentence: the requirement and the value.

    Raises:
        UserError: its message begins with the key's line, or with the stream's name if the study is unknown.
    """
    error = UserError(f"{stream.origin.of(key) or stream.name}: {sentence}")
    error.located = True
    raise error from None


@contextmanager
def located(stream: StreamEntry) -> Iterator[None]:
    """Begin the messages of errors about a stream's data with the line of the key that names the data.

    Args:
        stream: the stream's entry in the study file.

    Yields:
        Nothing.

    Raises:
        UserError: the error of the block, which keeps its type.
    """
    try:
        yield
    except UserError as error:
        place = stream.origin.of(error.key or stream.path_key)
        if error.located or not place:
            raise
        with_place = type(error)(f"{place}: {error}")
        with_place.located = True
        raise with_place from None


@contextmanager
def at_key(key: str | None) -> Iterator[None]:
    """Note in errors of a block which key of a stream is at fault.

    Args:
        key: the key, or an item of its list; None to note nothing.

    Yields:
        Nothing.

    Raises:
        UserError: the error of the block.
    """
    try:
        yield
    except UserError as error:
        error.key = error.key or key
        raise
