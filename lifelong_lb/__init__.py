"""lifelong_lb: compare optimizers across continual-learning task sequences.

Public names are imported on first use, so that importing the package imports neither torch nor pandas;
``__init__.pyi`` lists them.
"""

from importlib.metadata import PackageNotFoundError, version

import lazy_loader

try:
    __version__ = version("lifelong_lb")
    """Version of the package."""
except PackageNotFoundError:  # a checkout on the path that is not installed
    __version__ = "0+unknown"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
