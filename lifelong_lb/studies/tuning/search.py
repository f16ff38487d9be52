"""Hyper-parameter search for one combination, through Optuna's ask-and-tell interface."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from statistics import median
from typing import Any

from lifelong_lb.config import Study, UserError
from lifelong_lb.config.tuning import TUNED_AXES, Chosen, Range, Search, Space, Value, bare_entry
from lifelong_lb.evaluation import Metric

Point = dict[str, dict[str, Value]]
"""Label of an entry to values of its hyper-parameters."""
_DIGITS = 4
"""Significant digits of tried values, so that reported and executed values agree."""


@dataclass(frozen=True)
class Trial:
    """A point and the results of its runs.

    Attributes:
        number: index of the trial, 0..n-1.
        point: the settings.
        runs: ids of its runs.
        value: mean of the metric over the seeds; NaN unless all of its runs are done.
        gradient_evaluations: total of all its runs, including the strategy's own.
    """

    number: int
    point: Point
    runs: Sequence[str]
    value: float
    gradient_evaluations: int


@dataclass
class CombinationSearch:
    """Search for the settings of one combination of stream, strategy, rule and base optimizer.

    Points depend only on the combination, its space and the values of earlier points: a search restarted on the same
    stored runs repeats the same points and ends with the same choice.

    Attributes:
        labels: those of its stream, strategy, rule and base optimizer.
        study: held-out study of this combination alone, with explicit labels.
        space: label of an entry to its search space.
        metric: name and metric to optimize.
        trials: finished trials.
    """

    labels: tuple[str, str, str, str]
    study: Study
    space: Mapping[str, Mapping[str, Space]]
    metric: tuple[str, Metric]
    trials: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        optuna = imported_optuna()
        sampler = optuna.samplers.TPESampler(seed=self._seed())
        direction = "maximize" if self.metric[1].higher_is_better else "minimize"
        self._optuna = optuna.create_study(sampler=sampler, direction=direction)
        self._optuna_trial: Any = None

    def _seed(self) -> int:
        entries = [getattr(self.study, axis)[0].identity() for axis in ("streams", *TUNED_AXES)]
        space = {label: {key: _plain(one) for key, one in keys.items()} for label, keys in self.space.items()}
        text = json.dumps([entries, self.study.seeds, space, self.metric[0]], sort_keys=True)
        return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)

    def ask(self) -> tuple[Point, Study]:
        """Ask for the next point.

        Returns:
            Its settings, and the study that evaluates them.
        """
        distributions = {
            (label, key): distribution(space) for label, keys in self.space.items() for key, space in keys.items()
        }
        self._optuna_trial = self._optuna.ask({"\t".join(place): one for place, one in distributions.items()})
        point: Point = {}
        for label, key in distributions:
            point.setdefault(label, {})[key] = _rounded(
                self._optuna_trial.params[f"{label}\t{key}"], self.space[label][key]
            )
        changed = {axis: tuple(bare_entry(e, point) for e in getattr(self.study, axis)) for axis in TUNED_AXES}
        return point, self.study.model_copy(update=changed)

    def tell(self, trial: Trial) -> None:
        """Report the result of the last point.

        Args:
            trial: its runs and value. An unfinished trial counts as the worst.
        """
        worst = -inf if self.metric[1].higher_is_better else inf
        self._optuna.tell(self._optuna_trial, trial.value if isfinite(trial.value) else worst)
        self.trials.append(trial)

    def best(self) -> Trial | None:
        """The best trial, the earliest of equal ones; None if none finished."""
        done = [trial for trial in self.trials if isfinite(trial.value)]
        sign = 1 if self.metric[1].higher_is_better else -1
        return max(done, key=lambda trial: sign * trial.value, default=None)

    def chosen(self) -> Chosen:
        """Summarize the search and its choice.

        Returns:
            The settings of the best trial; empty if no trial finished.
        """
        best = self.best()
        values = sorted((t.value for t in self.trials if isfinite(t.value)), reverse=self.metric[1].higher_is_better)
        search = Search(
            metric=self.metric[0],
            space={label: dict(keys) for label, keys in self.space.items()},
            trials=len(self.trials),
            not_done=len(self.trials) - len(values),
            best=values[0] if values else None,
            median=median(values) if values else None,
            worst=values[-1] if values else None,
            gradient_evaluations=sum(trial.gradient_evaluations for trial in self.trials),
        )
        names = dict(zip(("stream", "strategy", "rule", "optimizer"), self.labels, strict=True))
        return Chosen(**names, settings=best.point if best else {}, search=search)


def imported_optuna() -> Any:
    """Import Optuna, and set its verbosity to warnings.

    Returns:
        The module.

    Raises:
        UserError: if it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise UserError("tuning needs Optuna: pip install 'lifelong-lb[tuning]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def distribution(space: Space) -> Any:
    """Convert a space to an Optuna distribution.

    Args:
        space: a range or choices.

    Returns:
        The distribution.
    """
    module = imported_optuna().distributions
    if not isinstance(space, Range):
        return module.CategoricalDistribution(list(space))
    if space.whole:
        return module.IntDistribution(int(space.low), int(space.high), log=space.log)
    return module.FloatDistribution(space.low, space.high, log=space.log)


def _rounded(value: Value, space: Space) -> Value:
    """Round a value within its range."""
    if not isinstance(space, Range) or space.whole:
        return value
    return min(max(float(f"{float(value):.{_DIGITS}g}"), space.low), space.high)


def _plain(space: Space) -> Any:
    return space.model_dump() if isinstance(space, Range) else list(space)
