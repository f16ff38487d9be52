"""Study files: names and hyper-parameters with defaults and ranges, and the validation of user input.

Nothing here imports torch, so ``list`` and ``validate`` start fast.
"""

from lifelong_lb.config.checks.labels import AXES, axis_labels
from lifelong_lb.config.entries.fields import Entry
from lifelong_lb.config.entries.landscape import Landscape
from lifelong_lb.config.entries.models import MODEL_ENTRIES, ModelEntry
from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.config.entries.optimizers import OPTIMIZER_ENTRIES
from lifelong_lb.config.entries.rule_base import RuleEntry
from lifelong_lb.config.entries.rules import RULE_ENTRIES
from lifelong_lb.config.entries.strategies import STRATEGY_ENTRIES
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.entries.streams import STREAM_ENTRIES
from lifelong_lb.config.entries.streams.base import FromFiles, OwnImages, StreamEntry
from lifelong_lb.config.entries.streams.data_errors import at_key, located, refuse
from lifelong_lb.config.entries.streams.dealt import DealtStream
from lifelong_lb.config.entries.streams.generated import Generated
from lifelong_lb.config.entries.streams.known_data_sets import FIVE_DATASETS, FiveDatasets
from lifelong_lb.config.entries.streams.known_sequences import Clear10, Core50, Omniglot
from lifelong_lb.config.entries.streams.several_sources import Folders, SeveralSources, Sources
from lifelong_lb.config.entries.streams.split import SplitStream
from lifelong_lb.config.entries.streams.transformed import PermutedStream, RotatedStream
from lifelong_lb.config.entries.streams.vectors import Vectors
from lifelong_lb.config.entries.train import Evaluation, Train
from lifelong_lb.config.errors import UserError, unknown_name
from lifelong_lb.config.runs import GridRun, RunConfig, expand, left_out, unsupported
from lifelong_lb.config.study import Study, parse_study, read_study

__all__ = [
    "AXES",
    "FIVE_DATASETS",
    "MODEL_ENTRIES",
    "OPTIMIZER_ENTRIES",
    "RULE_ENTRIES",
    "STRATEGY_ENTRIES",
    "STREAM_ENTRIES",
    "Clear10",
    "Core50",
    "DealtStream",
    "Entry",
    "Evaluation",
    "FiveDatasets",
    "Folders",
    "Generated",
    "FromFiles",
    "GridRun",
    "Landscape",
    "ModelEntry",
    "Omniglot",
    "OptimizerEntry",
    "OwnImages",
    "PermutedStream",
    "RotatedStream",
    "RuleEntry",
    "RunConfig",
    "SeveralSources",
    "Sources",
    "SplitStream",
    "StreamEntry",
    "StrategyEntry",
    "Study",
    "Train",
    "UserError",
    "Vectors",
    "at_key",
    "axis_labels",
    "expand",
    "left_out",
    "located",
    "parse_study",
    "read_study",
    "refuse",
    "unknown_name",
    "unsupported",
]
