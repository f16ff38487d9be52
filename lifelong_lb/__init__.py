"""lifelong_lb: compare optimizers across continual-learning task sequences.

Public names are imported on first use, so that importing the package imports neither torch nor pandas;
``__init__.pyi`` lists them.
"""

import lazy_loader

__version__ = "0.1.0"
"""Version of the package."""

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
