"""Studies: one run, the grid of runs, executors, and what is done when all have ended."""

from lifelong_lb.studies.measure import measure_landscape
from lifelong_lb.studies.study import Silent, Watcher, run_study

__all__ = ["Silent", "Watcher", "measure_landscape", "run_study"]
