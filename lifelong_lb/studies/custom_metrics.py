"""Store custom metrics with the runs of a study, so that reports need no imports."""

from lifelong_lb.config import UserError
from lifelong_lb.config.plugins.importing import is_imported
from lifelong_lb.evaluation import ADDED_METRICS
from lifelong_lb.reports import Results
from lifelong_lb.reports.custom_metrics import evaluated
from lifelong_lb.store import ResultFolder, read_custom_metrics, write_custom_metrics


def store_custom_metrics(folder: ResultFolder, results: Results) -> None:
    """Evaluate the metrics registered in this process on all done runs, and store the values.

    Args:
        folder: the result folder.
        results: its results.
    """
    imports = results.study.study.imports if results.study else ()
    if not ADDED_METRICS and not imports:
        return
    all_known = all(map(is_imported, imports))  # else a missing value is not known to be none
    for run, record in results.records.items():
        if record.status != "done":
            continue
        path = folder.run_path(run)
        try:
            stored = read_custom_metrics(path)
        except UserError:  # damaged; it is written again
            stored = None
        metrics = {**(stored or {}), **evaluated(record)}
        if metrics != stored and (metrics or all_known):
            write_custom_metrics(path, metrics)
