"""A second device of torch in host memory, named "sim", with two devices, to test the handling of devices without one.

It has separate memory, generators, pinned memory and autocast, and counts what crosses between device and host.
Computations are those of the CPU, on copies. A process registers it once, for good, and it is then the accelerator that
torch finds: use it in a separate process.
"""

import hashlib
import importlib.util
import os
import shutil
import sys
import types
from functools import partial
from importlib.machinery import ExtensionFileLoader
from pathlib import Path

import torch
from filelock import FileLock
from platformdirs import user_cache_path

NAME = "sim"
_EXTENSION = "simulated_device_extension"
_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # with ninja installed by pip
_SOURCES = sorted(Path(__file__).parent.glob("*.cpp"))


def why_not() -> str | None:
    """Why it cannot be built on this machine; None if it can."""
    if _library().exists():
        return None
    missing = [tool for tool in ("g++", "ninja") if shutil.which(tool, path=_PATH) is None]
    return f"{' and '.join(missing)} not found" if missing else None


def install() -> None:
    """Register the device, and build it unless this machine has built it before, which takes half a minute."""
    if torch._C._get_privateuse1_backend_name() == NAME:
        return
    _build()
    loader = ExtensionFileLoader(_EXTENSION, str(_library()))
    extension = importlib.util.module_from_spec(importlib.util.spec_from_loader(_EXTENSION, loader))
    loader.exec_module(extension)
    extension.register_hooks()
    torch.utils.rename_privateuse1_backend(NAME)
    torch._register_device_module(NAME, _device_module(extension))
    torch.utils.generate_methods_for_privateuse1_backend()


def _library() -> Path:
    sources = b"".join(path.read_bytes() for path in (*_SOURCES, Path(__file__).with_name("device.h")))
    key = f"{torch.__version__}-{sys.implementation.cache_tag}-{hashlib.sha256(sources).hexdigest()[:16]}"
    return user_cache_path("lifelong-lb") / "simulated-device" / key / f"{_EXTENSION}.so"


def _build() -> None:
    library = _library()
    library.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(library.parent / "building"):
        if library.exists():
            return
        from torch.utils import cpp_extension

        folder = library.parent / "build"
        shutil.rmtree(folder, ignore_errors=True)  # of a build that was killed
        folder.mkdir()
        os.environ["PATH"] = _PATH
        options = {"extra_cflags": ["-O0", "-g0"], "is_python_module": False}
        cpp_extension.load(_EXTENSION, list(map(str, _SOURCES)), build_directory=str(folder), **options)
        (folder / library.name).replace(library)


def _device_module(extension: types.ModuleType) -> types.ModuleType:
    """What torch expects of ``torch.<name>``."""

    def index(device: object = None) -> int:
        found = torch.device(NAME, device) if isinstance(device, int) else torch.device(device or NAME)
        return extension.current_device() if found.index is None else found.index

    module = types.ModuleType(f"torch.{NAME}")
    for name in ("device_count", "current_device", "counts", "reset_counts"):
        setattr(module, name, getattr(extension, name))
    for name in ("memory_allocated", "max_memory_allocated", "reset_peak_memory_stats"):
        setattr(module, name, partial(lambda call, device=None: call(index(device)), getattr(extension, name)))
    module.is_available = lambda: True
    module.is_initialized = lambda: True
    module._is_in_bad_fork = lambda: False
    module.device = lambda device: torch.accelerator.device_index(index(device))
    module.set_device = lambda device: extension.set_device(index(device))
    module.synchronize = lambda device=None: torch.accelerator.synchronize(torch.device(NAME, index(device)))
    module.get_device_name = lambda device=None: "simulated"
    module.get_amp_supported_dtype = lambda: [torch.bfloat16, torch.float16]
    module.manual_seed = lambda seed: extension.default_generator(extension.current_device()).manual_seed(seed)
    module.get_rng_state = lambda device=None: extension.default_generator(index(device)).get_state()
    module.set_rng_state = lambda state, device=None: extension.default_generator(index(device)).set_state(state)

    def manual_seed_all(seed: int) -> None:
        for i in range(extension.device_count()):
            extension.default_generator(i).manual_seed(seed)

    module.manual_seed_all = manual_seed_all
    return module
