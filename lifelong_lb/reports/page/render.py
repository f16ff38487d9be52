"""The HTML page: one self-contained file."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from lifelong_lb.evaluation import CONTINUAL_METRICS
from lifelong_lb.reports.charts.chart import looks
from lifelong_lb.reports.classes import Classes
from lifelong_lb.reports.comparisons import comparison_definitions, readable_comparisons, verdict_on
from lifelong_lb.reports.costs import budget_sentence, cost_table
from lifelong_lb.reports.entries import AXIS_TITLES, describe_entries, models_of
from lifelong_lb.reports.flatness import CORRELATION_HEADINGS, Flatness
from lifelong_lb.reports.names import display_name
from lifelong_lb.reports.page.data import explorer_data, json_element
from lifelong_lb.reports.page.findings import findings
from lifelong_lb.reports.page.first_screen import HEADINGS as HEADINGS_OF_FIRST
from lifelong_lb.reports.page.first_screen import Stream, first_screen
from lifelong_lb.reports.page.over_streams import OverStreams, over_streams
from lifelong_lb.reports.page.scripts import page_scripts, script_hash, vega_script
from lifelong_lb.reports.provenance import environment_rows, unsuccessful_runs
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.sort_keys import comparison_values, cost_values, summary_values
from lifelong_lb.reports.style import Drawing
from lifelong_lb.reports.summary import GROUP, labels_of, planned_runs, state_sentence, status_counts, verdict
from lifelong_lb.reports.tables import (
    BOLD,
    HEADINGS,
    KNOWN,
    MAIN_METRICS,
    SPREAD,
    Section,
    best_means,
    constants,
    definitions,
    readable_table,
    sections,
    units,
)
from lifelong_lb.reports.text import plural
from lifelong_lb.reports.tuning import TUNING_HEADINGS, TUNING_NOTE, tuning_sentences, tuning_table, tuning_values
from lifelong_lb.reports.undefined import undefined_reason
from lifelong_lb.store import COLUMNS

_COST = "gradient evaluations"
_LONG = 24
"""Number of rows beyond which a table scrolls in a box."""
_WITH_INTERVAL = ["average_accuracy"]
"""Metrics whose interval is shown in the summary."""
_INTERVAL = "The 95 % interval is that of the mean, by Student's t with n - 1 degrees of freedom."


def render_page(
    results: Results,
    summary: pd.DataFrame,
    compared: pd.DataFrame,
    figures: Mapping[str, Sequence[Drawing]],
    flatness: Flatness | None = None,
    note: str = "",
    test: str = "sign-flip",
    classes: Classes | None = None,
    aggregated: pd.DataFrame | None = None,
) -> str:
    """Render the page.

    Args:
        results: results of a folder.
        summary: their summary table.
        compared: their comparisons.
        figures: figures by stream label.
        flatness: section about the loss landscape, if it was measured.
        note: a sentence about figures that were not drawn.
        test: the test of the comparisons.
        classes: section about single classes, if predictions were counted.
        aggregated: the rules over several streams, if there are several.

    Returns:
        A self-contained HTML document; it is complete without its script, which sorts tables. Equal arguments give the
        same text.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("lifelong_lb.reports.page"),
        autoescape=True,
        finalize=_without_controls,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["minus"] = _minus
    environment.filters["named"] = display_name
    environment.filters["papers"] = link_papers
    environment.filters["inline"] = lambda drawing: Markup(drawing.inline())  # matplotlib escapes
    context = _context(results, summary, compared, figures) | {
        "comparison_columns": [(definition.title, "") for definition in comparison_definitions(test)],
        "comparison_definitions": comparison_definitions(test),
        "over": None if aggregated is None or aggregated.empty else over_streams(results, aggregated),
        "classes": classes,
        "flatness": flatness,
        "correlations": CORRELATION_HEADINGS,
        "note_on_figures": note,
        "tuning": tuning_table(results),
        "tuning_values": tuning_values(results),
        "tuning_headings": TUNING_HEADINGS,
        "tuning_notes": [*tuning_sentences(results), TUNING_NOTE],
    }
    further = [problem for part in (classes, flatness) if part for problem in part.problems]
    context["problems"] = list(dict.fromkeys([*context["problems"], *further]))
    scripts = [vega_script(), *page_scripts()]
    context |= {"scripts": list(map(Markup, scripts)), "script_hashes": list(map(script_hash, scripts))}  # our files
    context |= {
        "data": Markup(json_element(explorer_data(results))),  # escaped
        "charts": Markup(json_element(_charts(context["first"], context["over"]))),  # escaped
    }
    return environment.get_template("report.html.j2").render(context)


def link_papers(text: str) -> Any:
    """Escape a text and link the arXiv numbers in it.

    Args:
        text: any text.

    Returns:
        Markup.
    """
    from markupsafe import Markup, escape

    link = r'<a href="https://arxiv.org/abs/\1">arXiv \1</a>'
    return Markup(re.sub(r"arXiv (\d{4}\.\d{4,5})", link, str(escape(text))))  # escaped


def breakable(label: str) -> Any:
    """Escape a label and allow a line break before its hyper-parameters.

    Args:
        label: any text.

    Returns:
        Markup.
    """
    from markupsafe import Markup, escape

    return Markup(str(escape(label)).replace("(", "<wbr>("))  # escaped


def _context(
    results: Results, summary: pd.DataFrame, compared: pd.DataFrame, figures: Mapping[str, Sequence[Drawing]]
) -> dict[str, Any]:
    study = results.study.study if results.study else None
    streams = [stream for stream in labels_of(results, "stream") if (summary["stream"] == stream).any()]
    by_stream = {stream: summary[summary["stream"] == stream] for stream in streams}
    costs = cost_table(summary)
    during = [metric for metric in CONTINUAL_METRICS if f"{metric}_mean" in summary]
    intervals = [metric for metric in _WITH_INTERVAL if summary[f"{metric}_ci_low"].notna().any()]
    return {
        "title": study.name if study else "Results",
        "state": state_sentence(results).rstrip("."),
        "about": _about(results),
        "first": first_screen(summary, results.runs, findings(summary, compared), looks(labels_of(results, "rule"))),
        "first_headings": HEADINGS_OF_FIRST,
        "optimizers": summary["base_optimizer"].nunique(),
        "counts": status_counts(results),
        "problems": list(results.problems),
        "verdict": verdict(results),
        "facts": _facts(results),
        "settings": models_of(results),
        "streams": streams,
        "columns": _columns(summary, MAIN_METRICS, intervals),
        "during": _during(by_stream, during),
        "during_columns": [column for column in _columns(summary, during) if column[0] != _COST],
        "during_definitions": zip(definitions(during)[:-1], [KNOWN[m].paper for m in during], strict=True),
        "tables": {
            stream: sections(rows, readable_table(rows, intervals=intervals)) for stream, rows in by_stream.items()
        },
        "figures": figures,
        "costs": {stream: sections(rows, costs.loc[rows.index]) for stream, rows in by_stream.items()},
        "budget": budget_sentence(study.train) if study else "",
        "cost_columns": [(title, "") for title in costs.columns],
        "definitions": zip(definitions(), [*(KNOWN[m].paper for m in MAIN_METRICS), ""], strict=True),
        "spread": SPREAD,
        "intervals": _INTERVAL if intervals else "",
        "units": units(results),
        "best": best_means(summary, [*MAIN_METRICS, *during]),
        "values": summary_values(summary, [*MAIN_METRICS, *during]),
        "cost_values": cost_values(summary),
        "comparison_values": comparison_values(compared),
        "long": _LONG,
        "bold": BOLD,
        "captions": {stream: constants(rows) for stream, rows in by_stream.items()},
        "baseline": compared["baseline"].iloc[0] if len(compared) else "",
        "compared": _compared(compared, results),
        "endings": unsuccessful_runs(results),
        "entries": describe_entries(results),
        "yaml": _yaml(study.model_dump(mode="json", exclude_none=True)) if study else "",
        "environment": environment_rows(results.records.values()),
    }


def _during(by_stream: Mapping[str, pd.DataFrame], metrics: Sequence[str]) -> dict[str, list[Section]]:
    """Tables of metrics during training by stream; streams without measurements are omitted."""
    measured = {
        stream: rows
        for stream, rows in by_stream.items()
        if rows[[f"{m}_mean" for m in metrics]].notna().to_numpy().any()
    }
    return {
        stream: sections(rows, readable_table(rows, metrics).drop(columns=_COST)) for stream, rows in measured.items()
    }


def _compared(table: pd.DataFrame, results: Results) -> list[dict[str, Any]]:
    """Template values of each compared metric."""
    blocks = []
    for metric, rows in table.groupby("metric", sort=False):
        known = KNOWN[str(metric)]
        blocks.append({
            "title": known.title,
            "formula": known.formula,
            "direction": "higher" if known.higher_is_better else "lower",
            "constants": constants(rows),
            "sections": sections(rows, readable_comparisons(rows)),
            "verdict": undefined_reason(results, str(metric)) or verdict_on(rows),
        })
    return blocks


def _facts(results: Results) -> dict[str, str]:
    seeds = sorted({int(seed) for seed in results.runs["seed"]})
    if results.study:
        seeds = sorted({*seeds, *results.study.seeds().values()})
    planned = list(planned_runs(results))
    axes = {
        AXIS_TITLES[axis]: " · ".join(
            label for label in labels_of(results, column) if any(key[GROUP.index(column)] == label for key in planned)
        )
        for axis, column in COLUMNS.items()
    }
    return {**axes, "Seeds": ", ".join(map(str, seeds))}


def _about(results: Results) -> list[str]:
    """Streams, model, training and seeds, for the line below the title."""
    study = results.study.study if results.study else None
    seeds = results.runs["seed"].nunique()
    optimizers = [display_name(label) for label in labels_of(results, "base_optimizer")]
    model = [study.model.name] if study else []
    return [", ".join(labels_of(results, "stream")), *model, ", ".join(optimizers), f"{seeds} {plural('seed', seeds)}"]


def _charts(streams: Sequence[Stream], over: OverStreams | None) -> dict[str, Any]:
    """Specifications by name, with their data; looks are added in the browser."""
    drawn = [*(chart for stream in streams for chart in stream.charts), *(over.charts if over else [])]
    return {chart.name: {**chart.spec, "datasets": dict(chart.data)} for chart in drawn}


def _columns(summary: pd.DataFrame, metrics: Sequence[str], intervals: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Titles of the columns after the rule, and whether higher or lower is better."""
    groups = {HEADINGS.get(column, column) for column in GROUP}
    directions = {KNOWN[m].title: "higher" if KNOWN[m].higher_is_better else "lower" for m in metrics}
    titles = [str(column) for column in readable_table(summary, metrics, intervals).columns if column not in groups]
    return [(title, directions.get(title, "")) for title in titles]


def _without_controls(value: Any) -> Any:
    """Remove the control characters that HTML forbids; markup stays markup."""
    return value.translate(_CONTROLS) if isinstance(value, str) else value


_CONTROLS = dict.fromkeys(code for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n")


def _minus(text: str) -> str:
    return re.sub(r"-(?=\d)", "−", text)


def _yaml(settings: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=100))
