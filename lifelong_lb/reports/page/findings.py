"""Findings: what the paired comparisons with the baseline show, in sentences."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import pandas as pd

from lifelong_lb.evaluation import seeds_needed, smallest_p
from lifelong_lb.reports.definitions import KNOWN, in_percent
from lifelong_lb.reports.names import display_name, number_word, plural
from lifelong_lb.reports.statistics.summary import GROUP

LEVEL = 0.05
"""Significance level of corrected p-values."""
METRIC = "average_accuracy"
"""Metric that findings are about if it is compared; learning accuracy and forgetting follow in the detail then."""
Kind = Literal["better", "worse", "no difference", "undecided", "nothing"]
_OUTER = [column for column in GROUP if column != "rule"]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """What was found for one stream, strategy and base optimizer.

    Attributes:
        stream: label of the stream.
        strategy: label of the strategy.
        base_optimizer: label of the base optimizer.
        kind: ``better`` if a rule is significantly better than the baseline, else ``worse`` if one is significantly
            worse, else ``no difference``; ``undecided`` if the seeds are too few for any significant difference;
            ``nothing`` without a pair of runs.
        headline: one sentence.
        detail: the numbers behind it; empty if there are none.
    """

    stream: str
    strategy: str
    base_optimizer: str
    kind: Kind
    headline: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.headline} {self.detail}".strip()


def findings(summary: pd.DataFrame, compared: pd.DataFrame) -> list[Finding]:
    """State what the comparisons of each block show.

    Args:
        summary: from :func:`~lifelong_lb.reports.summary_table`.
        compared: from :func:`~lifelong_lb.reports.comparison_table`. The findings are about :data:`METRIC`, or the
            first metric if that is not compared.

    Returns:
        One finding per stream, strategy and base optimizer with at least two rules, in the order of the summary.
    """
    metric = metric_of(compared)
    blocks = summary[[*GROUP, "seeds", "not_done", "gradient_evaluations"]].groupby(_OUTER, sort=False)
    comparisons = {tuple(map(str, key)): rows for key, rows in compared.groupby(_OUTER, sort=False)}
    found = []
    for key, rows in blocks:
        of_block = comparisons.get(tuple(map(str, key)), compared.iloc[:0])
        if (of_block["metric"] == metric).any():
            found.append(_finding(rows, of_block, metric))
    return found


def metric_of(compared: pd.DataFrame) -> str:
    """Choose the metric that findings are about.

    Args:
        compared: rows with a column ``metric``.

    Returns:
        :data:`METRIC` if it is there, else the first one; empty without rows.
    """
    metrics = list(compared["metric"].unique())
    return METRIC if METRIC in metrics or not metrics else str(metrics[0])


MOST_FINDINGS = 6
"""Most findings of a stream that are shown at once."""
_KINDS: dict[Kind, str] = {
    "better": "a rule better than {base}",
    "worse": "a rule worse than {base}",
    "no difference": "no rule shown to differ from {base}",
    "undecided": "too few seeds to show a difference",
    "nothing": "nothing to compare",
}


class _Placed(Protocol):
    """What is known of a finding to select, name and show it; one over several streams has no stream."""

    @property
    def kind(self) -> Kind: ...
    @property
    def headline(self) -> str: ...
    @property
    def strategy(self) -> str: ...
    @property
    def base_optimizer(self) -> str: ...


Some = TypeVar("Some", bound=_Placed)


def condensed(found: Sequence[Some], base: str, most: int = MOST_FINDINGS) -> tuple[list[Some], str]:
    """Select the findings to show at once, those with a difference, and count the others in a sentence.

    Args:
        found: findings, at most one per stream, strategy and base optimizer.
        base: name of the baseline.
        most: most findings to show.

    Returns:
        All findings and an empty sentence if they are few enough.
    """
    if len(found) <= most:
        return list(found), ""
    shown = [finding for finding in found if finding.kind in ("better", "worse")][:most]
    counts = Counter(finding.kind for finding in found if finding not in shown)
    others = ", ".join(f"{text.format(base=base)} in {counts[kind]}" for kind, text in _KINDS.items() if counts[kind])
    which = f"The other {len(found) - len(shown)} of " if shown else ""
    return shown, f"{which}{len(found)} {places(map(_place, found))}: {others}."


def places(labels: Iterable[Sequence[str]]) -> str:
    """Name what groups of rows are, by the labels that differ between them.

    Args:
        labels: stream, strategy and base optimizer of each group.

    Returns:
        A noun in the plural, e.g. ``"strategies"`` or ``"combinations of stream and strategy"``.
    """
    names = {"stream": "streams", "strategy": "strategies", "base optimizer": "base optimizers"}
    differ = [name for name, values in zip(names, zip(*labels, strict=True), strict=False) if len(set(values)) > 1]
    if len(differ) <= 1:
        return names[differ[0]] if differ else names["strategy"]
    return f"combinations of {', '.join(differ[:-1])} and {differ[-1]}"


def _place(finding: _Placed) -> tuple[str, str, str]:
    return str(getattr(finding, "stream", "")), finding.strategy, finding.base_optimizer


def placed(found: Sequence[Some]) -> list[tuple[str, Some]]:
    """Name the place of each finding, as far as findings differ in it.

    Args:
        found: findings of a study, or over its streams.

    Returns:
        Findings with a prefix, e.g. ``"Replay: "``; empty for a single one.
    """
    axes = list(map(_place, found))
    differ = [len(set(labels)) > 1 for labels in zip(*axes, strict=True)]
    prefixes = [
        ", ".join(display_name(label) for label, shown in zip(labels, differ, strict=True) if shown) for labels in axes
    ]
    return [(f"{prefix}: " if prefix else "", finding) for prefix, finding in zip(prefixes, found, strict=True)]


def baseline_name(compared: pd.DataFrame) -> str:
    """Name the rule that the others are compared with.

    Args:
        compared: from :func:`~lifelong_lb.reports.comparison_table`.

    Returns:
        Its name, with that of the base optimizer if there is only one; empty without comparisons.
    """
    if not len(compared):
        return ""
    optimizers = compared["base_optimizer"].unique()
    return display_name(str(compared["baseline"].iloc[0]), str(optimizers[0]) if len(optimizers) == 1 else "")


def _finding(rows: pd.DataFrame, compared: pd.DataFrame, metric: str) -> Finding:
    stream, strategy, optimizer = (str(rows[column].iloc[0]) for column in _OUTER)
    by_rule = {str(row["rule"]): row for row in _records(rows)}
    comparisons: dict[str, dict[str, Row]] = {}
    for row in _records(compared):
        comparisons.setdefault(str(row["metric"]), {})[str(row["rule"])] = row
    block = _Block(by_rule, comparisons, str(compared["baseline"].iloc[0]), optimizer, metric)
    kind, headline, detail = block.state()
    return Finding(stream, strategy, optimizer, kind, headline, " ".join([*detail, *block.not_done()]))


def _records(table: pd.DataFrame) -> list[Row]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


@dataclass(frozen=True)
class _Block:
    """Summary rows by rule, and comparisons by metric and rule, of one stream, strategy and base optimizer."""

    rows: Mapping[str, Row]
    comparisons: Mapping[str, Mapping[str, Row]]
    baseline: str
    optimizer: str
    metric: str

    def state(self) -> tuple[Kind, str, list[str]]:
        """Kind, headline and detail."""
        compared = [row for row in self.comparisons[self.metric].values() if row["pairs"]]
        base = self._name(self.baseline)
        if not compared:
            if self.baseline not in self.rows or not self.rows[self.baseline]["seeds"]:
                return "nothing", f"{_capital(base)} has no run that is done, so nothing is compared.", []
            return "nothing", f"No rule has a run that is done under a seed of {base}, so nothing is compared.", []
        known = [row for row in compared if not pd.isna(row["difference_mean"])]
        if not known:
            return "nothing", f"{_capital(KNOWN[self.metric].title)} is not defined, so nothing is compared.", []
        pairs, family = int(max(row["pairs"] for row in known)), int(known[0]["family"])
        best = max(known, key=self._gain)
        furthest = max(known, key=lambda row: abs(row["difference_mean"]))
        if pairs == 1:
            reason = "One seed shows no spread, so no difference can be distinguished from chance."
            return "undecided", f"{self._ends(furthest)}, under one seed.", [reason]
        if min(1.0, family * smallest_p(pairs)) > LEVEL:
            ends = self._ends(furthest, self._interval(furthest))
            return "undecided", f"The seeds are too few to show a difference: {ends}.", [_too_few(pairs, family)]
        better = [row for row in known if row["p_holm"] <= LEVEL and self._gain(row) > 0]
        worse = [row for row in known if row["p_holm"] <= LEVEL and self._gain(row) < 0]
        if better:
            others = [*self._others(better, best, better=True), *self._others(worse, None, better=False)]
            return "better", f"{self._ends(best)}.", [self._numbers(best), *self._further(best), *others]
        if worse:
            lowest = min(worse, key=self._gain)
            detail = [self._numbers(lowest), *self._further(lowest), *self._others(worse, lowest, better=False)]
            only = "" if len(compared) == 1 else f"No rule is shown to beat {base}: "
            return "worse", f"{only}{self._ends(lowest)}.", detail
        many = "No rule" if len(compared) > 1 else self._name(str(furthest["rule"]))
        verb = "is shown to differ" if len(compared) > 1 else "is not shown to differ"
        largest = "The largest difference" if len(compared) > 1 else "The difference"
        whose = f" is that of {self._name(str(furthest['rule']))}:" if len(compared) > 1 else " is"
        numbers = (
            f"{largest}{whose} {self._signed(furthest['difference_mean'])}{self._unit} ({self._evidence(furthest)})."
        )
        about = "" if self.metric == METRIC else f" in {KNOWN[self.metric].title}"
        return "no difference", f"{_capital(many)} {verb} from {base}{about}.", [numbers]

    def not_done(self) -> list[str]:
        """Sentence about runs that are left out of the means."""
        left_out = [
            f"{row['not_done']} of {row['seeds'] + row['not_done']} of {self._name(rule)}"
            for rule, row in self.rows.items()
            if row["not_done"]
        ]
        return [f"Runs that are not done are left out: {', '.join(left_out)}."] if left_out else []

    def _name(self, rule: str) -> str:
        return display_name(rule, self.optimizer)

    def _gain(self, row: Row) -> float:
        """Difference from the baseline, positive if the rule is better."""
        difference = float(row["difference_mean"])
        return difference if KNOWN[self.metric].higher_is_better else -difference

    def _ends(self, row: Row, extra: str = "") -> str:
        """What the metric of a rule is relative to the baseline's; starts a sentence."""
        difference, base = row["difference_mean"], self._name(self.baseline)
        rule = self._name(str(row["rule"]))
        amount, behind = self._amount(difference), f" ({extra})" if extra else ""
        if self.metric != METRIC:
            title = _capital(KNOWN[self.metric].title)
            level = f"{amount} {'higher' if difference > 0 else 'lower'} than" if amount else "equal to"
            return f"{title} of {rule}{',' * (',' in rule)} is {level} that of {base}{behind}"
        rule = _capital(rule) + "," * ("," in rule)
        where = f"{amount} {'above' if difference > 0 else 'below'}" if amount else "level with"
        return f"{rule} ends {where} {base}{behind}"

    @property
    def _unit(self) -> str:
        return " points" if in_percent(self.metric) else ""

    def _amount(self, difference: float) -> str:
        """Size of a difference; empty if it is zero as printed."""
        return _points(difference) if in_percent(self.metric) else f"{abs(difference):.3g}" if difference else ""

    def _signed(self, difference: float) -> str:
        return _signed(difference) if in_percent(self.metric) else f"{difference:+z.3g}".replace("-", "−")

    def _interval(self, row: Row) -> str:
        return f"95 % interval {self._signed(row['ci_low'])} to {self._signed(row['ci_high'])}"

    def _evidence(self, row: Row) -> str:
        pairs, family = int(row["pairs"]), int(row["family"])
        larger, smaller = int(row["larger"]), int(pairs - row["larger"] - row["equal"])
        seeds = larger if row["difference_mean"] > 0 else smaller
        direction = "better" if self._gain(row) > 0 else "worse"
        holm = f" after Holm's correction for {number_word(family)} comparisons" if family > 1 else ""
        return f"{self._interval(row)}; {direction} under {seeds} of {pairs} seeds; {_p(row['p_holm'])}{holm}"

    def _numbers(self, row: Row) -> str:
        cost = self._cost(str(row["rule"]))
        text = self._evidence(row)
        return f"{text[0].upper()}{text[1:]}{f'; {cost}' if cost else ''}."

    def _further(self, row: Row) -> list[str]:
        """Learning accuracy and forgetting of the rule, as far as they are compared beside average accuracy."""
        if self.metric != METRIC:
            return []
        clauses = []
        for metric, more, less in (
            ("learning_accuracy", "learns each experience {} better", "learns each experience {} worse"),
            ("forgetting", "forgets {} more", "forgets {} less"),
        ):
            other = self.comparisons.get(metric, {}).get(str(row["rule"]))
            if other is None or not other["p_holm"] <= LEVEL:
                continue
            verb = more if other["difference_mean"] > 0 else less
            clauses.append(f"{verb.format(_points(other['difference_mean']))} ({_p(other['p_holm'])})")
        return [f"It {' and '.join(clauses)}."] if clauses else []

    def _others(self, rows: Iterable[Row], but: Row | None, *, better: bool) -> list[str]:
        names = [
            f"{self._name(str(row['rule']))} ({self._signed(row['difference_mean'])})" for row in rows if row is not but
        ]
        if not names:
            return []
        also = "Also" if but is not None else "Significantly"
        side = ("above" if better else "below") if self.metric == METRIC else f"{'better' if better else 'worse'} than"
        return [
            f"{also} {side} {self._name(self.baseline)}{', in' * bool(self._unit)}{self._unit}: {'; '.join(names)}."
        ]

    def _cost(self, rule: str) -> str:
        costs = [self.rows[name]["gradient_evaluations"] for name in (rule, self.baseline)]
        if not all(cost > 0 for cost in costs):
            return ""
        ratio = costs[0] / costs[1]
        return "at equal gradients" if abs(ratio - 1) < 0.02 else f"at {ratio:.2g} times the gradients"


def _too_few(pairs: int, family: int) -> str:
    what = f"{number_word(family)} comparisons" if family > 1 else "one comparison"
    needed = seeds_needed(family, LEVEL)
    seeds = f"{_capital(number_word(pairs))} {plural('seed', pairs)}"
    return f"{seeds} cannot decide {what}; {number_word(needed)} could."


def _points(difference: float) -> str:
    number = f"{abs(100 * difference):.1f}"
    return "" if number == "0.0" else f"{number} {'point' if number == '1.0' else 'points'}"


def _signed(difference: float) -> str:
    return f"{100 * difference:+z.1f}".replace("-", "−")


def _p(p: float) -> str:
    return f"p = {p:.2g}" if p >= 0.001 else "p < 0.001"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
