"""Studies of a site: the results of folders that can be read, and reasons for the others."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.reports.page.render import study_yaml
from lifelong_lb.reports.results.collect import Results, collect
from lifelong_lb.reports.statistics.summary import state_sentence, summary_table
from lifelong_lb.store import ResultFolder
from lifelong_lb.store.tuned import folder_to_report


@dataclass(frozen=True)
class SiteStudy:
    """A study of a site.

    Attributes:
        slug: its folder in the site, lower-case ASCII letters, digits and hyphens.
        source: the result folder.
        results: its results.
        summary: their summary.
    """

    slug: str
    source: Path
    results: Results
    summary: pd.DataFrame

    @property
    def title(self) -> str:
        """Name of the study, or of its folder if only tables are stored."""
        return self.results.study.study.name if self.results.study else self.source.name

    @property
    def state(self) -> str:
        """How many runs are done."""
        return state_sentence(self.results)

    @property
    def yaml(self) -> str:
        """The study file with all settings; empty if only tables are stored."""
        return study_yaml(self.results.study.study) if self.results.study else ""

    @property
    def command(self) -> str:
        """Command that repeats the study from the study file of the site."""
        return f"lifelong-lb run {self.slug}/study.yaml --out results/{self.slug}" if self.results.study else ""


def read_studies(folders: Sequence[Path]) -> tuple[list[SiteStudy], Mapping[Path, str]]:
    """Read result folders.

    Args:
        folders: result folders, or folders of ``lifelong-lb tune``.

    Returns:
        Studies in the order of the folders, and the reason for each folder that was left out.
    """
    studies: list[SiteStudy] = []
    left_out: dict[Path, str] = {}
    for path in dict.fromkeys(folders):
        try:
            folder = ResultFolder(folder_to_report(path))
            results = collect(folder)
            results = replace(results, homes=dict.fromkeys(results.runs["run"], folder))
            slug = unique_slug(path.resolve().name, {study.slug for study in studies})
            studies.append(SiteStudy(slug, path, results, summary_table(results)))
        except (UserError, OSError) as error:
            left_out[path] = str(error)
    return studies, left_out


def unique_slug(name: str, taken: Collection[str]) -> str:
    """Name a folder of the site.

    Args:
        name: any text.
        taken: slugs that are in use.

    Returns:
        A slug that is not in use.

    Example:
        >>> unique_slug("Split MNIST/../é", []), unique_slug("a_b", ["a-b"]), unique_slug("...", [])
        ('split-mnist', 'a-b-2', 'study')
    """
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "study"
    slug, number = base, 1
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug
