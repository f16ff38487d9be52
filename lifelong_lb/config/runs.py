"""The grid spelled out: one configuration a run, named by a hash of all that shapes its numbers."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from pydantic import SerializeAsAny

from lifelong_lb.config.errors import UserError
from lifelong_lb.config.fields import Settings
from lifelong_lb.config.models import MODEL_ENTRIES, ModelEntry
from lifelong_lb.config.optimizers import OPTIMIZER_ENTRIES, OptimizerEntry
from lifelong_lb.config.parse import Problems, parse_entry, parse_settings
from lifelong_lb.config.rules import RULE_ENTRIES, RuleEntry
from lifelong_lb.config.strategies import STRATEGY_ENTRIES, StrategyEntry
from lifelong_lb.config.streams import STREAM_ENTRIES, SplitStream
from lifelong_lb.config.study import Study, stream_model, stream_train
from lifelong_lb.config.train import Evaluation, Train

RUN_FORMAT = 1
"""Part of every run's hash: raised when the same settings no longer mean the same numbers."""


class RunConfig(Settings):
    """All that shapes the numbers of one run. Entries carry no labels here."""

    stream: SerializeAsAny[SplitStream]
    strategy: SerializeAsAny[StrategyEntry]
    rule: SerializeAsAny[RuleEntry]
    optimizer: SerializeAsAny[OptimizerEntry]
    seed: int
    model: SerializeAsAny[ModelEntry]
    train: Train
    evaluation: Evaluation

    @cached_property
    def run_id(self) -> str:
        """Twelve hexadecimal digits: the same settings give the same ones, on every machine."""
        text = json.dumps({"format": RUN_FORMAT, **self.to_json()}, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, from which :func:`parse_run` builds an equal configuration.

        Returns:
            A mapping.
        """
        return self.model_dump(mode="json")

    @property
    def title(self) -> str:
        """One line for logs and progress."""
        return f"{self.stream.name} {self.strategy.name} {self.rule.name} {self.optimizer.name} seed {self.seed}"


@dataclass(frozen=True)
class GridRun:
    """A run and where it stands in its study's grid.

    Attributes:
        config: the run's configuration.
        entries: index of its entry on each grid axis (streams, strategies, rules, optimizers).
    """

    config: RunConfig
    entries: Mapping[str, int]


def expand(study: Study) -> list[GridRun]:
    """All runs of a study, streams outermost, seeds innermost.

    Args:
        study: a checked study.

    Returns:
        One element a run, in the order of the study file.

    Raises:
        UserError: when two streams come to the same runs.
    """
    runs: dict[str, GridRun] = {}
    for index, stream in enumerate(study.streams):
        problems = Problems()
        model = stream_model(study.model, stream, f"streams[{index}]", problems)
        train = stream_train(study.train, stream, f"streams[{index}]", problems)
        assert model is not None, problems.found  # parse_study has checked both
        assert train is not None, problems.found
        shared = {"model": model, "train": train, "evaluation": study.evaluation}
        bare = stream.model_copy(update={"label": None, "model": None, "train": None})
        axes = (study.strategies, study.rules, study.optimizers)
        for (s, strategy), (r, rule), (o, optimizer) in product(*map(enumerate, axes)):
            parts = {"strategy": strategy, "rule": rule, "optimizer": optimizer}
            plain = {key: entry.model_copy(update={"label": None}) for key, entry in parts.items()}
            for seed in study.seeds:
                config = RunConfig(stream=bare, seed=seed, **plain, **shared)
                run = GridRun(config, {"streams": index, "strategies": s, "rules": r, "optimizers": o})
                if config.run_id in runs:
                    earlier = runs[config.run_id].entries["streams"]
                    raise UserError(f"streams[{index}]: comes to the same runs as streams[{earlier}]")
                runs[config.run_id] = run
    return list(runs.values())


def parse_run(raw: dict[str, Any], source: str = "run") -> RunConfig:
    """Rebuild a run's configuration from :meth:`RunConfig.to_json`.

    Args:
        raw: the stored mapping.
        source: what to call it in messages.

    Returns:
        An equal configuration.

    Raises:
        UserError: when it is not one.
    """
    problems = Problems()
    parts: dict[str, Any] = {
        "stream": parse_entry("stream", STREAM_ENTRIES, raw.get("stream"), "stream", problems),
        "strategy": parse_entry("strategy", STRATEGY_ENTRIES, raw.get("strategy"), "strategy", problems),
        "rule": parse_entry("rule", RULE_ENTRIES, raw.get("rule"), "rule", problems),
        "optimizer": parse_entry("optimizer", OPTIMIZER_ENTRIES, raw.get("optimizer"), "optimizer", problems),
        "model": parse_entry("model", MODEL_ENTRIES, raw.get("model"), "model", problems),
        "train": parse_settings(Train, raw.get("train"), "train", problems),
        "evaluation": parse_settings(Evaluation, raw.get("evaluation"), "evaluation", problems),
    }
    problems.raise_if_any(source)
    return RunConfig(seed=raw["seed"], **parts)
