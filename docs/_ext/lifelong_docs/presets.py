"""Reference of the study files that come with the package."""

from lifelong_docs.markdown import inline, table
from lifelong_lb.config import expand, read_study
from lifelong_lb.config.reading.presets import about_preset, preset_names, preset_path


def presets() -> str:
    """Table of all presets.

    Returns:
        Markdown: name, description, number of runs, and the source of the settings with differences from it.
    """
    rows = []
    for name in preset_names():
        what, source = about_preset(name)
        runs = len(expand(read_study(preset_path(name))))
        rows.append([f"`{name}`", inline(what), f"{runs}", inline(source)])
    return table(["preset", "what it is", "runs", "source, differences, cost"], rows)
