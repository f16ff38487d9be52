"""Studies: execute the runs of a grid, tune, estimate costs, measure landscapes.

Names are imported on first use, so that the process of a run imports no reports; ``__init__.pyi`` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
