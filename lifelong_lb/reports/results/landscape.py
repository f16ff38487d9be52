"""Loss landscapes of runs as one tidy frame, and the correlation of flatness with forgetting."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.evaluation import LANDSCAPE_MEASURES, Correlation, pearson, spearman
from lifelong_lb.reports.names import listed, plural
from lifelong_lb.reports.results.collect import Results, collect
from lifelong_lb.reports.results.stored_tables import KEYS, repeated_keys
from lifelong_lb.store import LANDSCAPE_COLUMNS, ResultFolder, landscape_columns, landscape_settings
from lifelong_lb.untrusted import printable, shortened

FLATNESS_COLUMNS = [*KEYS, "experience", "measure", "at", "flatness", "forgotten"]
_BLOCK = ["stream", "strategy", "base_optimizer"]
_MAX_KEYS = 10
_LEFT_OUT = "landscape left out: "
_COEFFICIENTS = ("spearman", "pearson", "spearman_within", "pearson_within")
CORRELATION_COLUMNS = [
    *(*_BLOCK, "measure", "at", "pairs", "seeds"),
    *(f"{name}{end}" for name in _COEFFICIENTS for end in ("", "_low", "_high")),
]


@dataclass(frozen=True)
class CollectedLandscape:
    """Landscapes of a folder's done runs.

    Attributes:
        frame: one row per number, columns ``KEYS`` and :data:`~lifelong_lb.store.LANDSCAPE_COLUMNS`; texts are
            categories.
        problems: sentences about unreadable files, and about settings that differ between runs.
        gaps: sentences about missing measurements.
    """

    frame: pd.DataFrame
    problems: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


def load_landscape(out: str | PathLike[str]) -> pd.DataFrame:
    """Read the loss-landscape measurements of a result folder.

    Args:
        out: the folder. A study measures landscapes with ``evaluation: {landscape: {}}``;
            :func:`lifelong_lb.measure_landscape` measures them later.

    Returns:
        One row per number: run, stream, strategy, rule, base_optimizer and seed as in ``results.csv``; ``trained``, the
        experience trained on last; ``measured``, the experience whose images were used; ``measure``, ``at``, ``value``
        and ``std``, see :data:`lifelong_lb.evaluation.LANDSCAPE_MEASURES`.

    Raises:
        UserError: if the folder contains none, all of it is damaged, or settings differ; a warning names damaged files
            of single runs, which are left out.
    """
    collected = collect_landscape(ResultFolder(Path(out)))
    mixed = [problem for problem in collected.problems if not problem.startswith(_LEFT_OUT)]
    if mixed or (collected.problems and collected.frame.empty):
        raise UserError("; ".join(collected.problems))
    for problem in collected.problems:
        warnings.warn(printable(problem), stacklevel=2)
    if collected.frame.empty:
        raise UserError(f"{out}: no landscape here; a study measures it with evaluation: {{landscape: {{}}}}")
    return collected.frame.astype(dict.fromkeys([*KEYS[:-1], "measure"], str))


def collect_landscape(folder: ResultFolder, results: Results | None = None) -> CollectedLandscape:
    """Read the loss-landscape measurements of all done runs.

    Args:
        folder: the result folder.
        results: its results; None to read them.

    Returns:
        Measurements and problems.

    Raises:
        UserError: if the folder contains no results.
    """
    results = (results or collect(folder)).without_imported()
    measured, problems, gaps, settings, unmeasured = {}, [], [], {}, []
    for key in results.runs.loc[results.runs["status"] == "done", KEYS].to_dict("records"):
        run = str(key["run"])
        path = results.homes.get(run, folder).run_path(run)
        try:
            columns, how = landscape_columns(path), landscape_settings(path)
            gaps += _checked(columns, path)
        except UserError as error:
            problems.append(f"{_LEFT_OUT}{error}")
            continue
        if columns is not None and how is not None:
            settings[repr(sorted(how.items()))] = how
            measured[tuple(key.values())] = columns
        elif run in results.records and results.records[run].config.get("evaluation", {}).get("landscape"):
            unmeasured.append(run)
    if unmeasured:
        n = len(unmeasured)
        gaps.append(f"{n} {plural('run', n)} without a landscape (no landscape.json): {listed(unmeasured)}")
    if len(settings) > 1:
        problems.append(
            f"landscapes measured with different settings are mixed here: {_describe_differences(settings)}"
        )
    return CollectedLandscape(_named_frame(measured), tuple(problems), tuple(gaps))


def _checked(columns: dict[str, NDArray[Any]] | None, run: Path) -> list[str]:
    """Number the measures, set infinite values to NaN, and return sentences about undefined values."""
    if columns is None:
        return []
    path, numbers = run / "landscape.csv", {name: number for number, name in enumerate(LANDSCAPE_MEASURES)}
    try:
        columns["measure"] = np.array([numbers[name] for name in columns["measure"].tolist()], dtype=np.int8)
    except KeyError as error:
        raise UserError(f"{path}: {unknown_name('measure', error.args[0], LANDSCAPE_MEASURES)}") from None
    undefined = ~np.isfinite(columns["value"])
    if not undefined.any():
        return []
    columns["value"] = np.where(undefined, np.nan, columns["value"])
    return [f"{path}: {undefined.sum()} of {len(undefined)} values are undefined"]


def _named_frame(measured: Mapping[tuple[Any, ...], Mapping[str, NDArray[Any]]]) -> pd.DataFrame:
    """Concatenate the measurements of all runs, with the columns that identify the run first."""
    if not measured:
        return pd.DataFrame(columns=[*KEYS, *LANDSCAPE_COLUMNS])
    runs = list(measured.values())
    frame = pd.DataFrame({column: np.concatenate([of_run[column] for of_run in runs]) for column in LANDSCAPE_COLUMNS})
    codes = frame["measure"].to_numpy(dtype=np.int64)
    frame["measure"] = pd.Categorical.from_codes(codes, categories=pd.Index(list(LANDSCAPE_MEASURES)))
    return pd.concat([repeated_keys(list(measured), [len(run["at"]) for run in runs], "category"), frame], axis=1)


def flatness_table(landscape: pd.DataFrame, accuracy: pd.DataFrame) -> pd.DataFrame:
    """Tabulate flatness at the end of each experience with its later forgetting.

    Args:
        landscape: from :func:`load_landscape`.
        accuracy: the frame of ``accuracy.csv``.

    Returns:
        One row per run, experience i < T-1, measure and ``at``, columns :data:`FLATNESS_COLUMNS`: ``flatness``,
        measured after experience i on its images (higher is sharper), and ``forgotten``, R[i, i] - R[T-1, i].
    """
    kinds = [name for name, measure in LANDSCAPE_MEASURES.items() if measure.flatness]
    measured_at_end = landscape[(landscape["trained"] == landscape["measured"]) & landscape["measure"].isin(kinds)]
    measured_at_end = measured_at_end.rename(columns={"trained": "experience", "value": "flatness"})
    runs, learnt, forgotten = _forgotten(accuracy)
    code, labels = pd.factorize(measured_at_end["run"])
    run, experience = runs.get_indexer(labels.astype(str))[code], measured_at_end["experience"].to_numpy()
    known = (run >= 0) & (experience < forgotten.shape[1])
    known[known] = learnt[run[known], experience[known]]
    table: pd.DataFrame = measured_at_end[known].assign(forgotten=forgotten[run[known], experience[known]])
    return table.reset_index(drop=True)[FLATNESS_COLUMNS]


def _forgotten(accuracy: pd.DataFrame) -> "tuple[pd.Index[str], NDArray[np.bool_], NDArray[np.float64]]":
    """Compute R[i, i] - R[T-1, i] of each run.

    Returns:
        Run ids; ``(runs, T)``, whether R[i, i] with i < T-1 is known; and ``(runs, T)`` differences.
    """
    run, runs = pd.factorize(accuracy["run"])
    trained, evaluated, values = (accuracy[name].to_numpy() for name in ("trained", "evaluated", "accuracy"))
    last = np.full(len(runs), -1)
    np.maximum.at(last, run, trained)
    learnt, final = np.full((2, len(runs), 1 + int(evaluated.max(initial=-1))), np.nan)
    end = trained == last[run]
    diagonal = (trained == evaluated) & ~end
    learnt[run[diagonal], evaluated[diagonal]] = values[diagonal]
    final[run[end], evaluated[end]] = values[end]
    return pd.Index(runs), ~np.isnan(learnt), learnt - final


def correlation_table(flatness: pd.DataFrame) -> pd.DataFrame:
    """Correlate flatness with forgetting, over all rules, seeds and experiences of a stream and strategy.

    Experiences of one run are not independent, nor are runs of one seed under different rules, which share initial
    weights, class order and minibatches: the bootstrap for the intervals resamples whole seeds with all their runs.
    Early experiences have more time to be forgotten regardless of flatness: the coefficients ``within`` compare each
    experience only with itself, between rules and seeds.

    Args:
        flatness: from :func:`flatness_table`.

    Returns:
        One row per stream, strategy, base optimizer, measure and ``at``, columns :data:`CORRELATION_COLUMNS`:
        Spearman's and Pearson's coefficients with 95 % intervals; NaN intervals for fewer than six seeds.
    """
    groups = flatness.groupby([*_BLOCK, "measure", "at"], sort=False, dropna=False)
    rows = [
        {**dict(zip([*_BLOCK, "measure", "at"], key, strict=True)), **_coefficients(group)} for key, group in groups
    ]
    return pd.DataFrame(rows, columns=CORRELATION_COLUMNS)


def pick_measures(table: pd.DataFrame, measures: Sequence[str] = tuple(LANDSCAPE_MEASURES)) -> list[tuple[str, float]]:
    """Select one ``at`` (radius, noise scale or rank) per measure: the middle one, or the first eigenvalue.

    Args:
        table: with columns measure and at.
        measures: measures to look for.

    Returns:
        Pairs of measure and ``at``, NaN if it has none; only measures in the table, in the given order.
    """
    selected = []
    for measure in measures:
        values = sorted(set(table.loc[table["measure"] == measure, "at"].dropna()))
        if values or (table["measure"] == measure).any():
            middle = values[0] if measure == "hessian_eigenvalue" else values[len(values) // 2] if values else np.nan
            selected.append((measure, float(middle)))
    return selected


def measure_title(measure: str, at: float) -> str:
    """Return the title of a measure with its radius, noise scale or rank.

    Args:
        measure: name of the measure.
        at: radius, noise scale or rank; NaN for none.

    Returns:
        E.g. ``"rise in the ball, rho 0.1"``.
    """
    title, what = LANDSCAPE_MEASURES[measure].title, LANDSCAPE_MEASURES[measure].at.split(",")[0]
    return title if np.isnan(at) else f"{title}, {what} {at:g}"


def rows_at(table: pd.DataFrame, measure: str, at: float) -> pd.DataFrame:
    """Select the rows of one measure at one radius, noise scale or rank.

    Args:
        table: with columns measure and at.
        measure: name of the measure.
        at: radius, noise scale or rank; NaN for none.

    Returns:
        Rows of the table.
    """
    place = table["at"].isna() if np.isnan(at) else table["at"] == at
    return table[(table["measure"] == measure) & place]


def _coefficients(group: pd.DataFrame) -> dict[str, Any]:
    x, y = group["flatness"].to_numpy(dtype=float), group["forgotten"].to_numpy(dtype=float)
    seeds, experiences = group["seed"].to_numpy(), group["experience"].to_numpy()
    row: dict[str, Any] = {}
    for name, kind in (("spearman", spearman), ("pearson", pearson)):
        for ending, strata in (("", None), ("_within", experiences)):
            result = kind(x, y, seeds, strata=strata)
            row |= {"pairs": result.pairs, "seeds": result.clusters, **dict(_named(name + ending, result))}
    return row


def _named(name: str, correlation: Correlation) -> Iterator[tuple[str, float]]:
    yield from ((name, correlation.value), (f"{name}_low", correlation.low), (f"{name}_high", correlation.high))


def _describe_differences(settings: dict[str, dict[str, Any]]) -> str:
    kinds = list(settings.values())
    keys = [key for key in {**kinds[0], **kinds[1]} if any(kind.get(key) != kinds[0].get(key) for kind in kinds)]
    values = {key: dict.fromkeys(shortened(str(kind.get(key))) for kind in kinds) for key in keys[:_MAX_KEYS]}
    return ", ".join(f"{shortened(key)} is {' or '.join([*texts][:_MAX_KEYS])}" for key, texts in values.items())
