"""Pretrained weights from a local file, checked against the backbone that they are for."""

import hashlib
import pickle
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lifelong_lb.config import UserError
from lifelong_lb.untrusted import open_regular, quoted, reason_text

WRAPPERS = ("state_dict", "model")
"""Keys under which checkpoints of training scripts hold the weights."""
_PARALLEL = "module."
"""Prefix of all keys of a model that was saved within ``DataParallel``."""


def digest_of_file(path: Path) -> str:
    """Hash a file.

    Args:
        path: the file.

    Returns:
        Its SHA-256, 64 hexadecimal digits.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise UserError(f"weights {path}: cannot be read ({reason_text(error, 200)})") from None


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file, without executing anything that it holds.

    Args:
        path: a ``.safetensors`` file, or one written by ``torch.save``, which is read with ``weights_only=True``: a
            dict of tensors, or one of the checkpoints of training scripts that have it as ``state_dict`` or ``model``.

    Returns:
        Tensors on the CPU, by key.

    Raises:
        UserError: if it is damaged, or holds anything else.
    """
    try:
        with open_regular(path):  # readers would block on a FIFO
            pass
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"weights {path}: holds more than tensors, which could execute code when it is read; save the model's "
            "state_dict() as safetensors"
        ) from None
    except Exception as error:  # noqa: BLE001  damaged files raise errors of many kinds
        raise UserError(f"weights {path}: cannot be read ({reason_text(error, 200)})") from None
    for key in WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content or not all(isinstance(v, Tensor) for v in content.values()):
        raise UserError(f"weights {path}: must hold the tensors of a model by name, as its state_dict() has them")
    tensors = {str(key): value for key, value in content.items()}
    if all(key.startswith(_PARALLEL) for key in tensors):
        tensors = {key.removeprefix(_PARALLEL): value for key, value in tensors.items()}
    return tensors


def load_weights(backbone: nn.Module, path: Path, called: str, classifier: Collection[str]) -> tuple[str, ...]:
    """Load a file of weights into a backbone.

    Args:
        backbone: the model without its classifier; modified.
        path: the file.
        called: name of the model, for messages.
        classifier: names of the classifier's modules, whose keys are left out.

    Returns:
        The keys that were left out.

    Raises:
        UserError: unless every other key has a tensor of the same shape, and every tensor a key.
    """
    given, own = read_weights(path), backbone.state_dict()
    heads = [f"{name}." for name in classifier]
    left_out = tuple(sorted(key for key in given if key not in own and any(map(key.startswith, heads))))
    given = {key: value for key, value in given.items() if key not in left_out}
    problem = _misfit(given, own)
    if problem is not None:
        raise UserError(f"weights {path}: do not fit {called}: {problem}")
    backbone.load_state_dict(given)
    return left_out


def _misfit(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str | None:
    """Difference between the tensors of a file and those of a model, in one sentence."""
    missing, unexpected = [key for key in own if key not in given], [key for key in given if key not in own]
    if missing:
        near = get_close_matches(missing[0], unexpected, n=1)
        hint = f"; the most similar key of the file is {quoted(near[0])}" if near else ""
        return f"{len(missing)} of {len(own)} tensors are missing, e.g. {quoted(missing[0])}{hint}"
    if unexpected:
        return f"{len(unexpected)} of {len(given)} tensors are not part of the model, e.g. {quoted(unexpected[0])}"
    other = [key for key in own if given[key].shape != own[key].shape]
    if other:
        shapes = f"{_shape(given[other[0]])}, the model needs {_shape(own[other[0]])}"
        return f"{len(other)} of {len(own)} tensors have another shape, e.g. {quoted(other[0])} is {shapes}"
    return None


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
