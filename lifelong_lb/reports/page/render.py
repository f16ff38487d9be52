"""The HTML page: one self-contained file, which begins with findings, a small table and a chart for each stream."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import pandas as pd

from lifelong_lb.config import Study
from lifelong_lb.evaluation import CONTINUAL_METRICS
from lifelong_lb.reports.charts.chart import Chart
from lifelong_lb.reports.charts.panels import Look, looks
from lifelong_lb.reports.charts.points import trade_off
from lifelong_lb.reports.definitions import SPREAD, UNBOUNDED, definitions, units
from lifelong_lb.reports.names import display_name, plural
from lifelong_lb.reports.page.data import explorer_data, json_element, packed, page_scripts, script_hash, vega_script
from lifelong_lb.reports.page.findings import Finding, baseline_name, condensed, findings
from lifelong_lb.reports.page.over_streams import OverStreams
from lifelong_lb.reports.page.sections import Section
from lifelong_lb.reports.page.setup import AXIS_TITLES, describe_entries, environment_rows, models_of, unsuccessful_runs
from lifelong_lb.reports.render.html import breakable, html_table, without_controls
from lifelong_lb.reports.results.collect import Results
from lifelong_lb.reports.statistics.comparisons import verdict_on
from lifelong_lb.reports.statistics.summary import (
    GROUP,
    labels_of,
    planned_runs,
    state_sentence,
    status_counts,
    undefined_reason,
    verdict,
)
from lifelong_lb.reports.tables.costs import TUNING_NOTE, budget_sentence, cost_styled, tuning_sentences, tuning_styled
from lifelong_lb.reports.tables.styled import StyledTable
from lifelong_lb.reports.tables.summary import all_columns, comparison_definitions, comparison_styled, summary_styled
from lifelong_lb.store import COLUMNS

_WITH_INTERVAL = ["average_accuracy"]
"""Metrics whose interval is shown in the summary."""
_INTERVAL = f"The 95 % interval is that of the mean, by Student's t with n - 1 degrees of freedom. {UNBOUNDED}"


@dataclass(frozen=True)
class Stream:
    """What the first screen shows of one stream.

    Attributes:
        label: label of the stream.
        findings: what was found, one item per strategy and base optimizer.
        table: the small table.
        charts: learning accuracy against forgetting, one chart per base optimizer.
    """

    label: str
    findings: Sequence[Finding]
    table: StyledTable
    charts: Sequence[Chart]


def render_page(
    results: Results,
    summary: pd.DataFrame,
    compared: pd.DataFrame,
    figures: Mapping[str, Sequence[Chart]],
    flatness: Section | None = None,
    note: str = "",
    test: str = "sign-flip",
    classes: Section | None = None,
    over: OverStreams | None = None,
    now: str = "",
) -> str:
    """Render the page.

    Args:
        results: results of a folder.
        summary: their summary table.
        compared: their comparisons.
        figures: charts by stream label; those of the first screen are not repeated.
        flatness: section about the loss landscape, if it was measured.
        note: a sentence about figures that were not drawn.
        test: the test of the comparisons.
        classes: section about single classes, if predictions were counted.
        over: section about several streams, if there are several.
        now: the time, if the study is running; the page then reloads itself every minute.

    Returns:
        A self-contained HTML document; it is complete without its script, which sorts tables. Equal arguments give the
        same text.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("lifelong_lb.reports.page"),
        autoescape=True,
        finalize=without_controls,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = breakable
    environment.filters["table"] = html_table
    environment.filters["named"] = display_name
    environment.filters["papers"] = link_papers
    environment.filters["condensed"] = condensed
    context = _context(results, summary, compared, test) | {
        "comparison_definitions": comparison_definitions(test),
        "over": over,
        "now": now,
        "classes": classes,
        "flatness": flatness,
        "note_on_figures": note,
        "tuning": tuning_styled(results),
        "tuning_notes": [*tuning_sentences(results), TUNING_NOTE],
    }
    on_top = [chart for stream in context["first"] for chart in stream.charts]
    names = {chart.name for chart in on_top}
    context["figures"] = {
        stream: [chart for chart in charts if chart.name not in names] for stream, charts in figures.items()
    }
    shown = [*on_top, *chain(*figures.values())]
    shown += over.charts if over else []
    sections = [section for section in (classes, flatness) if section]
    shown += [chart for section in sections for block in section.blocks for chart in block.charts]
    further = [problem for section in sections for problem in section.problems]
    context["problems"] = list(dict.fromkeys([*context["problems"], *further]))
    scripts = [vega_script(), *page_scripts()]
    context |= {"scripts": list(map(Markup, scripts)), "script_hashes": list(map(script_hash, scripts))}  # our files
    context |= {
        "data": Markup(json_element(explorer_data(results))),  # escaped
        "charts": Markup(json_element(_specifications(shown))),  # escaped
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


def _near_equal(summary: pd.DataFrame) -> list[str]:
    """Metrics weighed by images whose means are all within one point of the unweighted ones."""
    pairs = [(metric, f"{metric}_by_images") for metric in ("average_accuracy", "average_incremental_accuracy")]
    return [by for metric, by in pairs if not ((summary[f"{by}_mean"] - summary[f"{metric}_mean"]).abs() > 0.01).any()]


def _context(results: Results, summary: pd.DataFrame, compared: pd.DataFrame, test: str) -> dict[str, Any]:
    study = results.study.study if results.study else None
    by_stream = {str(stream): rows for stream, rows in summary.groupby("stream", sort=False)}
    during = [metric for metric in CONTINUAL_METRICS if f"{metric}_mean" in summary]
    shown = all_columns(summary, but=[*during, *_near_equal(summary)])
    intervals = [metric for metric in _WITH_INTERVAL if summary[f"{metric}_ci_low"].notna().any()]
    found, styles = findings(summary, compared), looks(labels_of(results, "rule"))
    return {
        "title": study.name if study else "Results",
        "state": state_sentence(results).rstrip("."),
        "about": _about(results),
        "first": _first_screen(summary, results.runs, found, styles, compared, test),
        "first_notes": summary_styled(summary, compared=compared, test=test).notes,
        "optimizers": summary["base_optimizer"].nunique(),
        "counts": status_counts(results),
        "problems": list(results.problems),
        "verdict": verdict(results),
        "facts": _facts(results),
        "settings": models_of(results),
        "during": _during(by_stream, during),
        "during_definitions": definitions(during),
        "tables": [
            summary_styled(rows, shown, compared=compared, test=test, intervals=intervals)
            for rows in by_stream.values()
        ],
        "costs": [cost_styled(rows) for rows in by_stream.values()],
        "budget": budget_sentence(study.train, study.rules, _only(summary["base_optimizer"])) if study else "",
        "definitions": definitions(shown),
        "spread": SPREAD,
        "intervals": _INTERVAL if intervals else "",
        "units": units(results),
        "baseline": baseline_name(compared),
        "compared": _compared(compared, results, test),
        "endings": unsuccessful_runs(results),
        "entries": describe_entries(results),
        "yaml": study_yaml(study) if study else "",
        "environment": environment_rows(results.records.values()),
    }


def _first_screen(
    summary: pd.DataFrame,
    runs: pd.DataFrame,
    found: Sequence[Finding],
    looks: Mapping[str, Look],
    compared: pd.DataFrame | None = None,
    test: str = "sign-flip",
) -> list[Stream]:
    """Collect the first screen."""
    done = runs[runs["status"] == "done"]
    streams = []
    for stream, rows in summary.groupby("stream", sort=False):
        table = summary_styled(rows, compared=compared, test=test)
        of_stream = done[done["stream"] == stream]
        charts = [
            chart
            for _, same in of_stream.groupby("base_optimizer", sort=False)
            if (chart := trade_off(same, looks)) is not None
        ]
        streams.append(Stream(str(stream), [f for f in found if f.stream == stream], table, charts))
    return streams


def _during(by_stream: Mapping[str, pd.DataFrame], metrics: Sequence[str]) -> list[StyledTable]:
    """Tables of metrics during training; streams without measurements are omitted."""
    return [
        summary_styled(rows, metrics, name="during-training")
        for rows in by_stream.values()
        if rows[[f"{metric}_mean" for metric in metrics]].notna().to_numpy().any()
    ]


def _compared(compared: pd.DataFrame, results: Results, test: str) -> list[tuple[StyledTable, str]]:
    """Table and conclusion of each compared metric."""
    return [
        (comparison_styled(rows, test), undefined_reason(results, str(metric)) or verdict_on(rows))
        for metric, rows in compared.groupby("metric", sort=False)
    ]


def _only(labels: "pd.Series[str]") -> str:
    return str(labels.iloc[0]) if labels.nunique() == 1 else ""


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


def _specifications(charts: Sequence[Chart]) -> dict[str, Any]:
    """Specifications by name, with their data; sizes and looks are added in the browser."""
    return {
        chart.name: {**chart.spec, "datasets": {name: packed(rows) for name, rows in chart.data.items()}}
        for chart in charts
    }


def study_yaml(study: Study) -> str:
    """Write a study as a study file.

    Args:
        study: the study.

    Returns:
        YAML with all settings that have a value.
    """
    import yaml

    settings = study.model_dump(mode="json", exclude_none=True)
    return str(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=100))
