"""Findings: what the paired comparisons with the baseline show, in sentences."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from lifelong_lb.evaluation import seeds_needed, smallest_p
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.statistics.summary import GROUP
from lifelong_lb.reports.text import number_word, plural

LEVEL = 0.05
"""Significance level of corrected p-values."""
METRIC = "average_accuracy"
"""Metric that findings are about; learning accuracy and forgetting follow in the detail."""
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
        compared: from :func:`~lifelong_lb.reports.comparison_table`; without average accuracy, nothing is stated.

    Returns:
        One finding per stream, strategy and base optimizer with at least two rules, in the order of the summary.
    """
    blocks = summary.groupby(_OUTER, sort=False)
    found = []
    for key, rows in blocks:
        same = (compared[_OUTER].astype(str) == list(map(str, key))).all(axis=1)
        of_block = compared[same]
        if (of_block["metric"] == METRIC).any():
            found.append(_finding(rows, of_block))
    return found


def placed(found: Sequence[Finding]) -> list[tuple[str, Finding]]:
    """Name the place of each finding, as far as findings differ in it.

    Args:
        found: findings of a study.

    Returns:
        Findings with a prefix, e.g. ``"Replay: "``; empty for a single one.
    """
    axes = [[finding.stream, finding.strategy, finding.base_optimizer] for finding in found]
    differ = [len(set(labels)) > 1 for labels in zip(*axes, strict=True)]
    prefixes = [
        ", ".join(display_name(label) for label, shown in zip(labels, differ, strict=True) if shown) for labels in axes
    ]
    return [(f"{prefix}: " if prefix else "", finding) for prefix, finding in zip(prefixes, found, strict=True)]


def _finding(rows: pd.DataFrame, compared: pd.DataFrame) -> Finding:
    stream, strategy, optimizer = (str(rows[column].iloc[0]) for column in _OUTER)
    by_rule = {str(row["rule"]): row for row in _records(rows)}
    comparisons: dict[str, dict[str, Row]] = {}
    for row in _records(compared):
        comparisons.setdefault(str(row["metric"]), {})[str(row["rule"])] = row
    block = _Block(by_rule, comparisons, str(compared["baseline"].iloc[0]), optimizer)
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

    def state(self) -> tuple[Kind, str, list[str]]:
        """Kind, headline and detail."""
        compared = [row for row in self.comparisons[METRIC].values() if row["pairs"]]
        base = self._name(self.baseline)
        if not compared:
            if self.baseline not in self.rows or not self.rows[self.baseline]["seeds"]:
                return "nothing", f"{_capital(base)} has no run that is done, so nothing is compared.", []
            return "nothing", f"No rule has a run that is done under a seed of {base}, so nothing is compared.", []
        pairs, family = int(max(row["pairs"] for row in compared)), int(compared[0]["family"])
        best = max(compared, key=lambda row: row["difference_mean"])
        furthest = max(compared, key=lambda row: abs(row["difference_mean"]))
        if pairs == 1:
            reason = "One seed shows no spread, so no difference can be distinguished from chance."
            return "undecided", f"{self._ends(furthest)}, under one seed.", [reason]
        if min(1.0, family * smallest_p(pairs)) > LEVEL:
            headline = f"No rule is shown to differ from {base}: {self._ends(furthest, _interval(furthest))}."
            return "undecided", headline, [_too_few(pairs, family)]
        better = [row for row in compared if row["p_holm"] <= LEVEL and row["difference_mean"] > 0]
        worse = [row for row in compared if row["p_holm"] <= LEVEL and row["difference_mean"] < 0]
        if better:
            others = [*self._others(better, best, "above"), *self._others(worse, None, "below")]
            return "better", f"{self._ends(best)}.", [self._numbers(best), *self._further(best), *others]
        if worse:
            lowest = min(worse, key=lambda row: row["difference_mean"])
            detail = [self._numbers(lowest), *self._further(lowest), *self._others(worse, lowest, "below")]
            only = "" if len(compared) == 1 else f"No rule is shown to beat {base}: "
            return "worse", f"{only}{self._ends(lowest)}.", detail
        many = "No rule" if len(compared) > 1 else self._name(str(furthest["rule"]))
        verb = "is shown to differ" if len(compared) > 1 else "is not shown to differ"
        largest = "The largest difference" if len(compared) > 1 else "The difference"
        whose = f" is that of {self._name(str(furthest['rule']))}:" if len(compared) > 1 else " is"
        numbers = f"{largest}{whose} {_signed(furthest['difference_mean'])} points ({_evidence(furthest)})."
        return "no difference", f"{many} {verb} from {base}.", [numbers]

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

    def _ends(self, row: Row, extra: str = "") -> str:
        """What the average accuracy of a rule is relative to the baseline's; starts a sentence."""
        difference, base = row["difference_mean"], self._name(self.baseline)
        rule = _capital(self._name(str(row["rule"])))
        rule += "," if "," in rule else ""
        where = (
            f"{_points(difference)} {'above' if difference > 0 else 'below'}" if _points(difference) else "level with"
        )
        return f"{rule} ends {where} {base}{f' ({extra})' if extra else ''}"

    def _numbers(self, row: Row) -> str:
        cost = self._cost(str(row["rule"]))
        text = _evidence(row)
        return f"{text[0].upper()}{text[1:]}{f'; {cost}' if cost else ''}."

    def _further(self, row: Row) -> list[str]:
        """Learning accuracy and forgetting of the rule, as far as they are compared."""
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

    def _others(self, rows: Iterable[Row], but: Row | None, where: str) -> list[str]:
        names = [
            f"{self._name(str(row['rule']))} ({_signed(row['difference_mean'])})" for row in rows if row is not but
        ]
        if not names:
            return []
        also = "Also" if but is not None else "Significantly"
        return [f"{also} {where} {self._name(self.baseline)}, in points: {'; '.join(names)}."]

    def _cost(self, rule: str) -> str:
        costs = [self.rows[name]["gradient_evaluations"] for name in (rule, self.baseline)]
        if not all(cost > 0 for cost in costs):
            return ""
        ratio = costs[0] / costs[1]
        return "at equal gradients" if abs(ratio - 1) < 0.02 else f"at {ratio:.2g} times the gradients"


def _evidence(row: Row) -> str:
    pairs, family = int(row["pairs"]), int(row["family"])
    better = int(row["larger"] if row["difference_mean"] > 0 else pairs - row["larger"] - row["equal"])
    direction = "better" if row["difference_mean"] > 0 else "worse"
    holm = f" after Holm's correction for {number_word(family)} comparisons" if family > 1 else ""
    return f"{_interval(row)}; {direction} under {better} of {pairs} seeds; {_p(row['p_holm'])}{holm}"


def _interval(row: Row) -> str:
    return f"95 % interval {_signed(row['ci_low'])} to {_signed(row['ci_high'])}"


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
