"""Studies: one run, the grid of runs, executors, and what is done when all have ended."""

from lifelong_lb.studies.lines import LineWatcher
from lifelong_lb.studies.measure import measure_landscape
from lifelong_lb.studies.study import run_study
from lifelong_lb.studies.tuning import tune_study
from lifelong_lb.studies.watching import Watcher

__all__ = ["LineWatcher", "Watcher", "measure_landscape", "run_study", "tune_study"]
