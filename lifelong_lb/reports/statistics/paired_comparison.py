"""Paired comparison of two rules, or of two choices of labels: averaged within each seed, tested over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.evaluation import TESTS, Comparison, comparisons_verdict
from lifelong_lb.evaluation import compare as compare_values
from lifelong_lb.reports.definitions import KNOWN
from lifelong_lb.reports.names import plural
from lifelong_lb.reports.statistics.comparisons import (
    Runs,
    check_metric,
    check_test,
    frame_of,
    grid_columns,
)
from lifelong_lb.reports.statistics.summary import GROUP, HEADINGS

Side = str | Mapping[str, str]


@dataclass(frozen=True)
class PairedComparison:
    """Paired comparison of runs that differ only in the chosen labels; differences are a - b.

    Attributes:
        metric: the compared column.
        test: key of :data:`~lifelong_lb.evaluation.TESTS`.
        a: chosen labels by column.
        b: chosen labels by column.
        frame: one row per pair of runs: the labels they share, ``seed``, values ``a`` and ``b``, ``difference``, and
            ``used``, false for incomplete seeds.
        by_seed: one row per complete seed: the means of ``a``, ``b`` and ``difference`` over its pairs.
        pairs: number of pairs of runs in complete seeds.
        statistics: comparison of the rows of ``by_seed``; its ``pairs`` are seeds.
        incomplete: seeds left out because they lack a pair that other seeds have.
        problems: sentences about what was left out.
    """

    metric: str
    test: str
    a: Mapping[str, str]
    b: Mapping[str, str]
    frame: pd.DataFrame
    by_seed: pd.DataFrame
    pairs: int
    statistics: Comparison
    incomplete: tuple[int, ...]
    problems: tuple[str, ...]

    @property
    def seeds(self) -> int:
        """Number of seeds behind the test."""
        return self.statistics.pairs

    @property
    def difference(self) -> float:
        """Mean difference over seeds."""
        return self.statistics.difference

    @property
    def p(self) -> float:
        """Two-sided p-value of the test over seeds."""
        return self.statistics.p

    @property
    def verdict(self) -> str:
        """Conclusions that the number of seeds allows."""
        if not self.seeds:
            return "No seed has all its pairs of done runs, so there is nothing to compare."
        return comparisons_verdict(self.seeds, 1)

    def __str__(self) -> str:
        s, digits = self.statistics, "z.3f" if self.metric in KNOWN else "z.4g"
        lines = [f"{_title(self.metric)}: {_words(self.a)} minus {_words(self.b)}"]
        if self.seeds:
            lines += [
                f"  difference      {s.difference:{digits}} ± {s.std:{digits}} (mean, standard deviation over seeds)",
                f"  based on        {_number(self.seeds, 'seed')}, {_number(self.pairs, 'pair')} of runs"
                + (", averaged within each seed" if self.pairs > self.seeds else ""),
                f"  95 % interval   {s.low:{digits}} to {s.high:{digits}} (Student's t)",
                f"                  {s.bootstrap_low:{digits}} to {s.bootstrap_high:{digits}} (bootstrap; too narrow "
                "with few seeds)",
                f"  a is larger     under {s.larger} of {_number(self.seeds, 'seed')}, equal under {s.equal}",
                f"  p               {s.p:.3g} ({TESTS[self.test].title}{self._zeros_and_ties()})",
                f"  effect sizes    Cohen's d_z {s.cohen_dz:z.2f}, Cliff's delta {s.cliff_delta:z.2f}",
            ]
        return "\n".join([*lines, *self.problems, self.verdict])

    def _zeros_and_ties(self) -> str:
        if self.test != "wilcoxon":
            return ""
        sizes = self.by_seed["difference"].abs()
        sizes = sizes[sizes > 0]
        zeros = f", {_number(self.statistics.equal, 'difference')} of 0 left out" if self.statistics.equal else ""
        return zeros + (", ties share their mean rank" if sizes.duplicated().any() else "")


def compare(
    a: Side, b: Side, metric: str = "average_accuracy", *, results: Runs, test: str = "sign-flip"
) -> PairedComparison:
    """Compare two rules, or two choices of labels, under the same seeds.

    Each run of a is paired with the run of b that has the same seed and the same labels in all grid columns that
    neither side names. Runs of one seed share initialisation and class order; if a seed has several pairs (streams,
    strategies), their differences are averaged first, and the test is over seeds. Seeds that lack a pair are left out
    and reported.

    Args:
        a: label of a rule, or labels by column, e.g. ``{"rule": "sam", "strategy": "replay"}``.
        b: label of a rule, or labels by column.
        metric: a column of numbers.
        results: the frame of :func:`~lifelong_lb.load_results`, or folders to read.
        test: ``sign-flip``, or ``wilcoxon`` for the signed-rank test, in which zeros are left out and ties share their
            mean rank; p is exact.

    Returns:
        The pairs, their differences a - b, intervals, the test and effect sizes; ``print`` shows a short report.

    Raises:
        UserError: for an unknown label, column, metric or test, or if a side contains several runs per seed that differ
            in a column it does not name.
    """
    runs = frame_of(results)
    sides = {"a": _chosen(runs, "a", a), "b": _chosen(runs, "b", b)}
    if sides["a"] == sides["b"]:
        raise UserError(f"a and b must differ; both are {_words(sides['a'])}")
    named = {*sides["a"], *sides["b"]}
    key = [column for column in GROUP if column not in named]
    check_metric(runs, metric)
    check_test(test)
    values = {name: _values(runs, name, side, [*key, "seed"], metric) for name, side in sides.items()}
    joint = pd.concat(values, axis=1).reset_index()
    joint["difference"] = joint["a"] - joint["b"]
    groups = [tuple(map(str, labels)) for labels in joint[key].to_numpy().tolist()]
    paired = joint["difference"].notna()
    lacking, alone = _missing_pairs(groups, joint["seed"].tolist(), paired.tolist())
    frame = joint[paired].assign(used=lambda pairs: ~pairs["seed"].isin(list(lacking))).reset_index(drop=True)
    by_seed = frame[frame["used"]].groupby("seed")[["a", "b", "difference"]].mean()
    return PairedComparison(
        metric=metric,
        test=test,
        a=sides["a"],
        b=sides["b"],
        frame=frame,
        by_seed=by_seed,
        pairs=int(frame["used"].sum()),
        statistics=compare_values(by_seed["a"].tolist(), by_seed["b"].tolist(), test=test),
        incomplete=tuple(lacking),
        problems=tuple(_problems(lacking, alone, several=len(set(groups)) > 1)),
    )


Group = tuple[str, ...]


def _missing_pairs(
    groups: Sequence[Group], seeds: Sequence[int], paired: Sequence[bool]
) -> tuple[dict[int, list[Group]], list[Group]]:
    """Groups in which a seed lacks a pair that another seed has, by seed; and groups in which no seed has a pair."""
    pairs = {(group, seed) for group, seed, both in zip(groups, seeds, paired, strict=True) if both}
    usable = {group for group, _ in pairs}
    order = list(dict.fromkeys(groups))
    lacking = {
        seed: missing
        for seed in sorted(set(seeds))
        if (missing := [group for group in order if group in usable and (group, seed) not in pairs])
    }
    return lacking, [group for group in order if group not in usable]


def _problems(lacking: Mapping[int, Sequence[Group]], alone: Sequence[Group], *, several: bool) -> list[str]:
    where: dict[tuple[Group, ...], list[str]] = {}
    for seed, groups in lacking.items():
        where.setdefault(tuple(groups), []).append(str(seed))
    sentences = []
    for missing, seeds in where.items():
        of = f" of {'; '.join(map(', '.join, missing))}" if several else ""
        verb = "lacks" if len(seeds) == 1 else "lack"
        sentences.append(f"Left out: {plural('seed', len(seeds))} {', '.join(seeds)}, which {verb} a pair{of}.")
    if alone and several:
        sentences.append(f"Not compared because no seed has a pair: {'; '.join(map(', '.join, alone))}.")
    return sentences


def _chosen(runs: pd.DataFrame, name: str, side: Side) -> dict[str, str]:
    chosen = {"rule": side} if isinstance(side, str) else {str(column): str(label) for column, label in side.items()}
    if not chosen:
        raise UserError(f"{name} must name a label of at least one column: {', '.join(grid_columns(runs))}")
    for column, label in chosen.items():
        if column not in grid_columns(runs):
            raise UserError(f"{name}: {unknown_name('column', column, grid_columns(runs))}")
        known = list(dict.fromkeys(runs[column].astype(str)))
        if label not in known:
            raise UserError(f"{name}: {unknown_name(HEADINGS.get(column, column), label, known)}")
    return chosen


def _values(
    runs: pd.DataFrame, name: str, side: Mapping[str, str], key: Sequence[str], metric: str
) -> "pd.Series[float]":
    """The metric of a side's done runs, indexed by the labels shared with the other side and the seed."""
    rows = runs
    for column, label in side.items():
        rows = rows[rows[column].astype(str) == label]
    if rows.empty:
        raise UserError(f"{name}: no run has {_words(side)}")
    twice = rows[rows.duplicated(list(key), keep=False)]
    if len(twice):
        raise UserError(_several(twice, name, side, key))
    return rows.set_index(list(key))[metric].where((rows["status"] == "done").to_numpy()).astype(float)


def _several(twice: pd.DataFrame, name: str, side: Mapping[str, str], key: Sequence[str]) -> str:
    first = twice.iloc[0]
    rows = twice[(twice[list(key)] == first[list(key)]).all(axis=1)]
    where = ", ".join(f"{HEADINGS.get(column, column)} {first[column]}" for column in key)
    problem = f"{name} ({_words(side)}) must have one run for {where}; got {len(rows)}"
    differ = {c: list(dict.fromkeys(rows[c].astype(str))) for c in grid_columns(rows) if c not in side}
    differ = {column: labels for column, labels in differ.items() if len(labels) > 1}
    if not differ:
        return f"{problem} with the same labels"
    choices = " and ".join(f"{column!r} ({', '.join(labels)})" for column, labels in differ.items())
    return f"{problem}: add {choices} to {name}"


def _words(side: Mapping[str, str]) -> str:
    return ", ".join(f"{HEADINGS.get(column, column)} {label}" for column, label in side.items())


def _title(metric: str) -> str:
    if metric not in KNOWN:
        return metric
    return f"{KNOWN[metric].title} ({'higher' if KNOWN[metric].higher_is_better else 'lower'} is better)"


def _number(n: int, what: str) -> str:
    return f"{n} {plural(what, n)}"
