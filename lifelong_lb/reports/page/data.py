"""Data and scripts of the page: the explorer's runs column by column, Vega bundled by vl-convert, and our scripts."""

import base64
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache, lru_cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from lifelong_lb.evaluation import ADDED_METRICS
from lifelong_lb.evaluation.statistics import t_quantile
from lifelong_lb.reports.charts.chart import PAGE, config
from lifelong_lb.reports.charts.export import VEGA_LITE
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.definitions import KNOWN
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.results.stored_tables import KEYS
from lifelong_lb.reports.statistics.summary import GROUP, labels_of
from lifelong_lb.store.files import write_bytes

FRACTIONS = 6
"""Significant digits of the numbers on the page; the CSV files contain all."""
_COSTS = {
    "gradient_evaluations": "gradient evaluations",
    "train_seconds": "training time in seconds",
    "samples_seen": "images seen",
    "peak_memory": "peak memory in bytes",
}
_SETTINGS = {"rho": "rule", "k": "rule", "alpha": "rule", "lr": "optimizer"}
_SETTING_TITLES = {"rho": "ρ", "k": "k", "alpha": "α", "lr": "learning rate"}
_CACHED = "vega-{}.js"


def explorer_data(results: Results) -> dict[str, Any]:
    """Collect what the explorer shows.

    Args:
        results: results of a folder.

    Returns:
        Plain values: ``columns`` of the runs, ``names`` of labels, ``metrics``, ``costs``, ``settings``, accuracy
        ``matrices`` in row-major order, deduplicated parts of the runs' configurations, whether their ``logs`` are in
        the folder of the page, ``looks`` of the rules, charts' ``config``, and 97.5 % ``quantiles`` of Student's t.
    """
    runs = results.runs
    metrics = [name for name in KNOWN if name in runs and runs[name].notna().any()]
    costs = [name for name in _COSTS if runs[name].notna().any()]
    columns = {name: _column(runs[name]) for name in [*KEYS, "status", *metrics, *costs]}
    settings = _settings(results)
    optimizers = labels_of(results, "base_optimizer")
    only = optimizers[0] if len(optimizers) == 1 else ""
    labels = {column: labels_of(results, column) for column in GROUP}
    return {
        "columns": columns | settings,
        "names": {column: {label: display_name(label, only) for label in labels[column]} for column in GROUP},
        "metrics": {name: _metric(name, runs[name]) for name in metrics},
        "costs": {name: _COSTS[name] for name in costs},
        "settings": {name: _SETTING_TITLES[name] for name in settings},
        "matrices": _matrices(results),
        **_parts(results),
        "logs": not results.homes,
        "looks": {rule: vars(look) for rule, look in looks(labels["rule"]).items()},
        "config": {scheme: config(PAGE, dark=scheme == "dark") for scheme in ("light", "dark")},
        "quantiles": [round(t_quantile(degrees), 4) for degrees in range(1, 61)],
    }


def json_element(data: Any) -> str:
    """Format data for a ``<script type="application/json">`` element.

    Args:
        data: plain values; numbers that are not finite become null.

    Returns:
        JSON in which no markup can begin or end.
    """
    text = json.dumps(_finite(data), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def packed(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Arrange rows column by column; the page's script restores the rows.

    Args:
        rows: plain values; missing ones are null.

    Returns:
        Number of ``rows``, and ``columns``: values; ``{"of": texts, "at": numbers}`` for texts, each of which is there
        once; ``{"rows": numbers, "values": values}`` for a column that is mostly null.

    Example:
        >>> packed([{"rule": "SAM", "x": 1}, {"rule": "SAM", "x": 2}, {"rule": "SAM", "x": 3, "end": 4}])["columns"]
        {'rule': {'of': ['SAM'], 'at': [0, 0, 0]}, 'x': [1, 2, 3], 'end': {'rows': [2], 'values': [4]}}
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return {"rows": len(rows), "columns": {name: _packed([row.get(name) for row in rows]) for name in names}}


def _packed(values: list[Any]) -> Any:
    known = [i for i, value in enumerate(values) if value is not None]
    if 2 * len(known) < len(values):
        return {"rows": known, "values": [values[i] for i in known]}
    if not any(isinstance(value, str) for value in values):
        return values
    pool: dict[Any, int] = {}
    numbers = [pool.setdefault(value, len(pool)) for value in values]
    return {"of": list(pool), "at": numbers}


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return _short(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_short(item) if type(item) is float else _finite(item) for item in value]
    return value


@lru_cache(maxsize=2**15)  # of accuracies with four digits, most occur more than once
def _short(number: float) -> float | int | None:
    if not math.isfinite(number):
        return None
    rounded = float(f"{number:.{FRACTIONS}g}")
    return int(rounded) if rounded.is_integer() else rounded


def _column(values: "pd.Series[Any]") -> list[Any]:
    numeric = pd.api.types.is_numeric_dtype(values)
    return [_short(float(value)) if numeric else str(value) for value in values]


def _metric(name: str, values: "pd.Series[float]") -> dict[str, Any]:
    known = KNOWN[name]
    percent = name not in ADDED_METRICS and float(values.abs().max()) <= 1
    return {"title": known.title, "higher": known.higher_is_better, "formula": known.formula, "percent": percent}


def _settings(results: Results) -> dict[str, list[float | None]]:
    """Numeric hyper-parameters that have at least two values, by name, one entry per run."""
    found = {}
    for name, part in _SETTINGS.items():
        values = [_number(results, str(run), part, name) for run in results.runs["run"]]
        if len({value for value in values if value is not None}) > 1:
            found[name] = values
    return found


def _number(results: Results, run: str, part: str, name: str) -> float | None:
    settings = results.records[run].config.get(part) if run in results.records else None
    value = settings.get(name) if isinstance(settings, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _matrices(results: Results) -> dict[str, list[list[float]]]:
    """Accuracy matrices by run: T rows of T accuracies, NaN where nothing was measured."""
    return {run: matrix.values.round(4).tolist() for run, matrix in results.matrices.items()}


def _parts(results: Results) -> dict[str, Any]:
    """Configurations of the runs: distinct ``parts`` as text, and their indices by run; messages of runs not done."""
    pool: dict[str, int] = {}
    used, messages = {}, {}
    for run, record in results.records.items():
        lines = (f"{key}: {_plain(value)}" for key, value in record.config.items())
        used[run] = [pool.setdefault(line, len(pool)) for line in lines]
        if record.message:
            messages[run] = record.message
    return {"parts": list(pool), "used": used, "messages": messages}


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} = {_plain(item)}" for key, item in _set(value))
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value)


def _set(settings: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    return ((key, value) for key, value in settings.items() if value is not None)


@cache
def vega_script() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script.

    Bundling takes a second, so the script is kept in the user's cache folder.

    Returns:
        An ES module that defines ``vegaEmbed`` in the window.
    """
    folder = _cache_folder()
    with suppress(OSError, ValueError):
        for path in folder.glob(_CACHED.format("*")):
            content = path.read_bytes()
            if path.name == _name(content):
                return content.decode("utf-8")
    script = _bundle()
    if folder.is_absolute():  # it is not without a home folder
        content = script.encode("utf-8")
        with suppress(OSError):  # e.g. a home folder that is read-only
            write_bytes(folder / _name(content), content)
    return script


def _bundle() -> str:
    import vl_convert

    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE))


def _cache_folder() -> Path:
    """Folder for the bundle of the installed versions."""
    import platformdirs

    versions = f"{version('vl-convert-python')}-{VEGA_LITE}"
    return platformdirs.user_cache_path("lifelong_lb", appauthor=False) / "scripts" / versions


def _name(content: bytes) -> str:
    """File name that contains the hash of the content."""
    return _CACHED.format(hashlib.sha256(content).hexdigest())


def page_scripts() -> list[str]:
    """Return our own scripts.

    Returns:
        The sorting of tables, the charts, and the explorer.
    """
    folder = files(__package__) / "templates"
    return [(folder / name).read_text(encoding="utf-8") for name in ("report.js", "charts.js", "explorer.js")]


def script_hash(script: str) -> str:
    """Compute the hash of a script for the Content-Security-Policy.

    Args:
        script: the text of the element.

    Returns:
        SHA-256 in base 64.
    """
    return base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
