from .config import UserError as UserError
from .reports import compare as compare
from .reports import load_confusion as load_confusion
from .reports import load_continual as load_continual
from .reports import load_diagnostics as load_diagnostics
from .reports import load_landscape as load_landscape
from .reports import load_results as load_results
from .reports import pivot as pivot
from .reports import read_matrices as read_matrices
from .studies import RunOptions as RunOptions
from .studies import TuneOptions as TuneOptions
from .studies import measure_landscape as measure_landscape
from .studies import run_study as run_study
from .studies import tune_study as tune_study

__version__: str
