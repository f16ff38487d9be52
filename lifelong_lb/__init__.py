"""lifelong_lb: compare optimizers across continual-learning task sequences.

Public names are loaded on first use: importing the package does not import torch or pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lifelong_lb.config import UserError
    from lifelong_lb.reports import (
        compare,
        load_confusion,
        load_continual,
        load_diagnostics,
        load_landscape,
        load_results,
        pivot,
        read_matrices,
    )
    from lifelong_lb.studies import measure_landscape, run_study, tune_study

__version__ = "0.1.0"
__all__ = [
    "UserError",
    "__version__",
    "compare",
    "load_confusion",
    "load_continual",
    "load_diagnostics",
    "load_landscape",
    "load_results",
    "measure_landscape",
    "pivot",
    "read_matrices",
    "run_study",
    "tune_study",
]

_MODULES = {
    "UserError": "config",
    "compare": "reports",
    "load_confusion": "reports",
    "load_continual": "reports",
    "load_diagnostics": "reports",
    "load_landscape": "reports",
    "load_results": "reports",
    "measure_landscape": "studies",
    "pivot": "reports",
    "read_matrices": "reports",
    "run_study": "studies",
    "tune_study": "studies",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
