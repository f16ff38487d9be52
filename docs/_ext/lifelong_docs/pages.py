"""Fill the places in pages that are generated: ``<!-- generate: NAME ARGUMENT... -->`` on a line of its own."""

import re
from collections.abc import Callable, Mapping

from sphinx.application import Sphinx

from lifelong_docs import api, command_line, entries, gallery, metrics, presets, study_keys

GENERATORS: Mapping[str, Callable[..., str]] = {
    "api": api.api,
    "command-line": command_line.command_line,
    "common-keys": entries.common_keys,
    "entries": entries.entries,
    "entry": entries.entry,
    "further-sections": study_keys.further_sections,
    "gallery": gallery.gallery,
    "gallery-figures": gallery.figures,
    "metrics": metrics.metrics,
    "overview": entries.overview,
    "presets": presets.presets,
    "section": study_keys.section,
    "section-example": study_keys.section_example,
}
"""Functions that return Markdown, by name."""

PLACE = re.compile(r"^<!-- generate: ([^\n]*?) -->$", re.MULTILINE)


def filled(text: str) -> str:
    """Replace the places of a page.

    Args:
        text: Markdown.

    Returns:
        Markdown.

    Raises:
        KeyError: for an unknown generator.
    """

    def generated(found: re.Match[str]) -> str:
        name, *given = found.group(1).split()
        return GENERATORS[name](*given)

    return PLACE.sub(generated, text)


def _fill(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = filled(source[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
