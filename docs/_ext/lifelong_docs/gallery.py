"""Results of the repository: a leaderboard by the same code as ``lifelong-lb site``, and figures."""

import shutil
from functools import cache
from html import escape
from pathlib import Path

from sphinx.application import Sphinx

from lifelong_docs.markdown import table
from lifelong_lb.config import UserError
from lifelong_lb.reports.charts.chart import pages
from lifelong_lb.reports.charts.export import export, figure_canvas
from lifelong_lb.reports.charts.panels import looks
from lifelong_lb.reports.charts.points import trade_off
from lifelong_lb.reports.render.text import markdown_escaped
from lifelong_lb.reports.site import SiteStudy, read_studies, write_site
from lifelong_lb.reports.statistics.summary import labels_of

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
SITE = "leaderboard"
"""Folder of the site, beside the page of the gallery."""
FIGURE = "figure.svg"
"""File of a study's figure, in its folder of the site."""
MOST_NAMES = 4
"""Strategies that are listed of a study."""


def result_folders() -> list[Path]:
    """List the result folders of the repository.

    Returns:
        Their paths, sorted.
    """
    return sorted(path.parent for path in (BENCHMARKS / "results").rglob("results.csv"))


@cache
def studies() -> list[SiteStudy]:
    """Read them.

    Returns:
        The studies.

    Raises:
        UserError: if one cannot be read.
    """
    found, left_out = read_studies(result_folders())
    if left_out:
        raise UserError("; ".join(left_out.values()))
    return found


def gallery() -> str:
    """Table of all studies, with links to their reports.

    Returns:
        Markdown.
    """
    rows = []
    for study in studies():
        link = f'<a href="{SITE}/{study.slug}/report.html">{escape(study.title)}</a>'
        file = f'<a href="{SITE}/{study.slug}/study.yaml">study.yaml</a>' if study.yaml else "-"
        names = [", ".join(dict.fromkeys(study.summary[axis].map(str))) for axis in ("stream", "rule")]
        strategies = list(dict.fromkeys(study.summary["strategy"].map(str)))
        shown = ", ".join(strategies[:MOST_NAMES]) + (
            f" and {n} more" if (n := len(strategies) - MOST_NAMES) > 0 else ""
        )
        stream, rules = map(markdown_escaped, names)
        rows.append([link, stream, markdown_escaped(shown), rules, study.state.rstrip("."), file])
    return table(["report", "stream", "strategies", "rules", "runs", "study file"], rows)


def figures() -> str:
    """Figures of all studies, with links to their reports.

    Returns:
        Markdown.
    """
    shown = []
    for study in studies():
        if figure(study) is None:
            continue
        folder, title = f"{SITE}/{study.slug}", escape(study.title)
        image = f'<img src="{folder}/{FIGURE}" alt="Learning accuracy against forgetting: {title}" loading="lazy">'
        shown.append(f'<figure><a href="{folder}/report.html">{image}<figcaption>{title}</figcaption></a></figure>')
    return f'<div class="gallery">{"".join(shown)}</div>'


def figure(study: SiteStudy) -> bytes | None:
    """Draw learning accuracy against forgetting on a study's first stream, for its first strategies.

    Args:
        study: the study.

    Returns:
        An SVG file; None if no run has both metrics.
    """
    runs = study.results.runs[study.results.runs["status"] == "done"]
    for axis in ("stream", "base_optimizer"):
        runs = runs[runs[axis] == runs[axis].iloc[0]]
    chart = trade_off(runs, looks(labels_of(study.results, "rule")))
    canvas = figure_canvas("column", 8)
    return None if chart is None else export(pages(chart, canvas)[0], canvas, "svg")


def _write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        out = Path(app.outdir) / "results" / SITE
        shutil.rmtree(out, ignore_errors=True)  # from an earlier build
        write_site(result_folders(), out, "Results of the repository")
        for study in studies():
            if (svg := figure(study)) is not None:
                (out / study.slug / FIGURE).write_bytes(svg)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx: the site is written after the pages."""
    app.connect("build-finished", _write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
