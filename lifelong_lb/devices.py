"""Devices of torch: those of this machine, and every call that differs between kinds of devices.

A kind is the type of a torch device, e.g. ``"cuda"`` (NVIDIA, and AMD with ROCm), ``"mps"``, ``"xpu"``, the name of a
device that another package registers, or ``"cpu"``. torch has at most one kind of accelerator per process.
"""

import os
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def accelerators() -> list[str]:
    """Accelerators that torch finds on this machine.

    Returns:
        Device names in order, e.g. ``["cuda:0", "cuda:1"]``; empty if there is none.
    """
    if not torch.accelerator.is_available():
        return []
    accelerator = torch.accelerator.current_accelerator()
    assert accelerator is not None
    return [f"{accelerator.type}:{i}" for i in range(torch.accelerator.device_count())]


def is_kind(name: str) -> bool:
    """Whether torch has a kind of device, on this machine or on others.

    Args:
        name: any text.

    Returns:
        True for a kind without an index.
    """
    try:
        return torch.device(name).type == name
    except RuntimeError:
        return False


def activate(name: str) -> str:
    """Make a device the current one; on accelerators, also enable deterministic algorithms.

    Args:
        name: torch device name, e.g. ``"cuda:1"``.

    Returns:
        Its kind, which refers to the current device.
    """
    device = torch.device(name)
    if device.type != "cpu":
        if hasattr(_module(device.type), "set_device"):  # mps has a single device
            _module(device.type).set_device(device.index or 0)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True, warn_only=True)
    return device.type


def current(kind: str) -> torch.device:
    """Current device of a kind.

    Args:
        kind: the kind.

    Returns:
        A device, with an index unless it is the CPU.
    """
    if kind == "cpu":
        return torch.device(kind)
    module = _module(kind)
    return torch.device(kind, module.current_device() if hasattr(module, "current_device") else 0)


def model_name(kind: str) -> str:
    """Name of the current device for the environment record, e.g. ``"NVIDIA A100-SXM4-40GB"``.

    Args:
        kind: the kind.

    Returns:
        The name of its model, or else the kind.
    """
    name = getattr(_module(kind), "get_device_name", None)
    return kind if kind == "cpu" or name is None else str(name())


def toolkit(kind: str) -> dict[str, str | None]:
    """Version of the software below torch.

    Args:
        kind: the kind.

    Returns:
        ``cuda`` or ``hip`` to a version; empty for other kinds.
    """
    if kind != "cuda":
        return {}
    return {"cuda": torch.version.cuda} if torch.version.hip is None else {"hip": torch.version.hip}


def synchronise(device: torch.device) -> None:
    """Wait for the pending work of a device.

    Args:
        device: the device; nothing is pending on the CPU.
    """
    if device.type != "cpu":
        torch.accelerator.synchronize(current(device.type) if device.index is None else device)


def reset_peak_memory(kind: str) -> None:
    """Start to measure the peak of the memory that torch allocates on the current device.

    Args:
        kind: a kind of accelerator.
    """
    if hasattr(_module(kind), "reset_peak_memory_stats"):
        _module(kind).reset_peak_memory_stats()


def peak_memory(kind: str) -> int | None:
    """Peak of the memory that torch has allocated on the current device since :func:`reset_peak_memory`.

    Args:
        kind: a kind of accelerator.

    Returns:
        Bytes; None if torch does not count them for this kind, e.g. mps.
    """
    peak = getattr(_module(kind), "max_memory_allocated", None)
    return None if peak is None else int(peak())


def takes_float16(kind: str) -> bool:
    """Whether models can be trained in float16 on a device: it is an accelerator, and its autocast has float16.

    Args:
        kind: the kind, of this machine.

    Returns:
        False for the CPU, whose autocast is meant for bfloat16.
    """
    if kind == "cpu":
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that autocast is switched off, because it does not have float16
        with torch.autocast(kind, torch.float16):
            return torch.is_autocast_enabled(kind)


def can_pin() -> bool:
    """Whether minibatches in pinned host memory reach the accelerator faster.

    Returns:
        False without an accelerator, and on mps, which shares the host's memory.
    """
    return any(not name.startswith("mps") for name in accelerators())


def generator_state(device: torch.device) -> Tensor:
    """State of the default generator of a device.

    Args:
        device: the device, of any kind.

    Returns:
        A byte tensor on the CPU.
    """
    if device.type == "cpu":
        return torch.get_rng_state()
    state: Tensor = _module(device.type).get_rng_state(*_index_of(device))
    return state


def set_generator_state(device: torch.device, state: Tensor) -> None:
    """Restore the state of the default generator of a device.

    Args:
        device: the device, of any kind.
        state: from :func:`generator_state`.
    """
    if device.type == "cpu":
        torch.set_rng_state(state)
    else:
        _module(device.type).set_rng_state(state, *_index_of(device))


def generator_states() -> dict[str, Tensor]:
    """States of the default generators of the current devices.

    Returns:
        Kind to state: of the CPU, and of the accelerator if there is one.
    """
    return {kind: generator_state(current(kind)) for kind in _kinds()}


def set_generator_states(states: Mapping[str, Tensor]) -> None:
    """Restore the states of default generators on the current devices, which may have another index.

    Args:
        states: from :func:`generator_states`; those of a kind that this machine lacks are ignored.
    """
    for kind in _kinds():
        if kind in states:
            set_generator_state(current(kind), states[kind])


def read_states(stored: Mapping[str, Any]) -> Mapping[str, Tensor]:
    """States of generators in a checkpoint.

    Args:
        stored: ``torch``, from :func:`generator_states`. In early checkpoints, ``torch`` is the state of the CPU, and
            ``cuda`` the list of states of all CUDA devices.

    Returns:
        As from :func:`generator_states`.
    """
    if not isinstance(stored["torch"], Tensor):
        states: Mapping[str, Tensor] = stored["torch"]
        return states
    of_cuda = stored["cuda"] if "cuda" in _kinds() else []
    index = current("cuda").index if of_cuda else 0
    return {"cpu": stored["torch"], **({"cuda": of_cuda[index]} if index < len(of_cuda) else {})}


def _kinds() -> list[str]:
    """Kinds of devices of this machine."""
    return list(dict.fromkeys(["cpu", *(name.partition(":")[0] for name in accelerators())]))


def to_current(storage: Any, location: str) -> Any:
    """Move a storage that is being loaded to the current device of its kind: the ``map_location`` of ``torch.load``.

    Args:
        storage: the storage, on the CPU.
        location: where it was saved, e.g. ``"cuda:1"``.

    Returns:
        The storage there.
    """
    kind = location.partition(":")[0]
    return torch.serialization.default_restore_location(storage, str(current(kind)))  # type: ignore[no-untyped-call]


def _module(kind: str) -> Any:
    return torch.get_device_module(kind)


def _index_of(device: torch.device) -> tuple[torch.device, ...]:
    """Argument of the functions of generators; those of mps had none before torch 2.10."""
    return () if device.type == "mps" else (device,)
