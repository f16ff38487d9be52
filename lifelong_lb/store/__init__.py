"""Result files: names, layout, atomic writes, reading. Nothing else in the package knows a file name."""

from lifelong_lb.store.checkpoints import CheckpointFolder, UnusableCheckpointError
from lifelong_lb.store.claims import Claim, Claims, Session, active_sessions, read_claims
from lifelong_lb.store.custom_metrics import CustomMetric, custom_metrics_of, read_custom_metrics, write_custom_metrics
from lifelong_lb.store.folder import ResultFolder
from lifelong_lb.store.landscape import (
    LANDSCAPE_COLUMNS,
    landscape_columns,
    landscape_settings,
    model_path,
    read_landscape,
    stored_models,
    write_landscape,
    write_model,
)
from lifelong_lb.store.places import Place
from lifelong_lb.store.progress import RunProgress, read_progress, write_progress
from lifelong_lb.store.recorded import CONFUSION_COLUMNS, CONTINUAL_COLUMNS
from lifelong_lb.store.run_files import DamagedRunError
from lifelong_lb.store.run_record import COSTS, STATUSES, RunRecord, Status
from lifelong_lb.store.scratch import LOG, log_of_dead_process, remove_leftovers, remove_scratch
from lifelong_lb.store.status import FolderStatus, folder_status
from lifelong_lb.store.study_file import COLUMNS, SCHEMA, StudyFile
from lifelong_lb.store.values import is_run_id

__all__ = [
    "COLUMNS",
    "COSTS",
    "CONFUSION_COLUMNS",
    "CONTINUAL_COLUMNS",
    "LANDSCAPE_COLUMNS",
    "LOG",
    "SCHEMA",
    "STATUSES",
    "CheckpointFolder",
    "Claim",
    "Claims",
    "CustomMetric",
    "DamagedRunError",
    "FolderStatus",
    "Place",
    "ResultFolder",
    "RunProgress",
    "RunRecord",
    "Session",
    "Status",
    "StudyFile",
    "UnusableCheckpointError",
    "folder_status",
    "is_run_id",
    "landscape_settings",
    "log_of_dead_process",
    "model_path",
    "custom_metrics_of",
    "read_claims",
    "read_custom_metrics",
    "landscape_columns",
    "read_landscape",
    "read_progress",
    "remove_leftovers",
    "remove_scratch",
    "stored_models",
    "write_custom_metrics",
    "write_landscape",
    "write_model",
    "write_progress",
    "active_sessions",
]
