"""Write a site."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import UserError
from lifelong_lb.reports.page.data import page_scripts, script_hash
from lifelong_lb.reports.render.html import html_table, without_controls
from lifelong_lb.reports.site.leaderboard import leaderboard
from lifelong_lb.reports.site.studies import SiteStudy, read_studies
from lifelong_lb.reports.write import write_report
from lifelong_lb.store import ResultFolder

INDEX = "index.html"
MARK = b'<meta name="generator" content="lifelong-lb site">'
"""Part of the first page of every site."""


@dataclass(frozen=True)
class Site:
    """A site that was written.

    Attributes:
        index: its first page.
        studies: its studies.
        left_out: folders that are not in it, with reasons.
    """

    index: Path
    studies: Sequence[SiteStudy]
    left_out: Mapping[Path, str]


def write_site(folders: Sequence[Path], out: Path, title: str = "Leaderboard") -> Site:
    """Write a leaderboard, and the report and the study file of each folder.

    Folders that cannot be read are left out and named on the page. The site needs no server and nothing from outside.

    Args:
        folders: result folders, or folders of ``lifelong-lb tune``; they are not changed.
        out: folder of the site. Its files are replaced, others in it are kept.
        title: heading of the page.

    Returns:
        The site.

    Raises:
        UserError: if no folder can be read, if ``out`` is a file, or is or holds a result folder that is read, or if a
            result folder or a page that is no site's would be replaced.
    """
    for folder in folders:
        if folder.resolve() == out.resolve() or out.resolve() in folder.resolve().parents:
            raise UserError(f"--out {out}: is, or holds, the result folder {folder}; a site needs another folder")
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file; a site needs a folder")
    index = out / INDEX
    if index.exists() and MARK not in index.read_bytes():
        raise UserError(f"--out {out}: its {INDEX} was not written by lifelong-lb site; a site needs another folder")
    studies, left_out = read_studies(folders)
    if not studies:
        raise UserError("no folder can be read: " + "; ".join(left_out.values()))
    taken = next((study for study in studies if _holds_results(out / study.slug, in_site=index.exists())), None)
    if taken is not None:
        raise UserError(
            f"--out {out}: the report of {taken.source} would replace that of the result folder {out / taken.slug}; a "
            "site needs another folder"
        )
    target = ResultFolder(out)
    written = []
    for study in studies:
        try:
            write_report(ResultFolder(out / study.slug), study.results)
        except (UserError, OSError) as error:
            left_out = {**left_out, study.source: str(error)}
            continue
        if study.yaml:
            target.write_file(f"{study.slug}/study.yaml", study.yaml)
        written.append(study)
    target.write_file(INDEX, render_site(written, left_out, title))
    return Site(out / INDEX, written, left_out)


def _holds_results(path: Path, *, in_site: bool) -> bool:
    """Whether a path is a result folder, not the report that an earlier site has there."""
    folder = ResultFolder(path)
    tables = not in_site and (path / "results.csv").exists()
    return folder.study_path.exists() or folder.runs_path.exists() or tables


def render_site(studies: Sequence[SiteStudy], left_out: Mapping[Path, str], title: str) -> str:
    """Render the first page.

    Args:
        studies: the studies.
        left_out: folders that are not in the site, with reasons.
        title: heading.

    Returns:
        A self-contained HTML document. Its only script sorts the table; it is complete without it.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader("lifelong_lb.reports.site"), PackageLoader("lifelong_lb.reports.page")]),
        autoescape=True,
        finalize=without_controls,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["table"] = html_table
    script = page_scripts()[0]
    return environment.get_template("site.html.j2").render(
        title=title,
        studies=studies,
        left_out=left_out,
        table=leaderboard(studies),
        script=Markup(script),  # our file
        script_hash=script_hash(script),
    )
