"""Studies: execute the runs of a grid, tune, estimate costs, measure landscapes."""

from lifelong_lb.studies.landscape import measure_landscape
from lifelong_lb.studies.progress.lines import LineObserver
from lifelong_lb.studies.progress.observer import ProgressObserver
from lifelong_lb.studies.study import run_study
from lifelong_lb.studies.tuning.tune import tune_study

__all__ = ["LineObserver", "ProgressObserver", "measure_landscape", "run_study", "tune_study"]
