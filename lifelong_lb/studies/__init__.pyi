from .landscape import measure_landscape as measure_landscape
from .options import RunOptions as RunOptions
from .options import TuneOptions as TuneOptions
from .progress.lines import LineObserver as LineObserver
from .progress.observer import ProgressObserver as ProgressObserver
from .study import run_study as run_study
from .tuning.tune import tune_study as tune_study
