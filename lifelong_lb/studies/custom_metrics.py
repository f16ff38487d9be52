"""Store custom metrics with the runs of a study, so that reports need no imports."""

from collections.abc import Mapping

from lifelong_lb.config import UserError
from lifelong_lb.config.plugins.importing import is_imported
from lifelong_lb.evaluation import ADDED_METRICS
from lifelong_lb.store import (
    ResultFolder,
    RunRecord,
    StudyFile,
    custom_metrics_of,
    read_custom_metrics,
    write_custom_metrics,
)


def store_custom_metrics(folder: ResultFolder, study: StudyFile | None, records: Mapping[str, RunRecord]) -> None:
    """Evaluate the metrics registered in this process on all done runs, and store the values.

    Args:
        folder: the result folder.
        study: its study.
        records: the records of its runs, by run id.
    """
    imports = study.study.imports if study else ()
    if not ADDED_METRICS and not imports:
        return
    all_known = all(map(is_imported, imports))  # else a missing value is not known to be none
    for run, record in records.items():
        if record.status != "done":
            continue
        path = folder.run_path(run)
        try:
            stored = read_custom_metrics(path)
        except UserError:  # damaged; it is written again
            stored = None
        metrics = {**(stored or {}), **custom_metrics_of(record.outcomes())}
        if metrics != stored and (metrics or all_known):
            write_custom_metrics(path, metrics)
