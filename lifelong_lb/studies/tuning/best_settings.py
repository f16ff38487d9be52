"""Study file with the settings chosen by a search."""

from collections.abc import Iterator, Sequence

import yaml

from lifelong_lb.config import AXES, Study, axis_labels
from lifelong_lb.config.tuning import Chosen, at_the_edge


def chosen_study(study: Study, chosen: Sequence[Chosen]) -> Study:
    """Add chosen settings to a study.

    Args:
        study: the tuned study.
        chosen: the choice for each combination.

    Returns:
        The study without its section ``tuning``, with an explicit label for each entry.
    """
    labelled = {
        axis: tuple(
            entry.model_copy(update={"label": label})
            for entry, label in zip(entries, axis_labels(entries, axis), strict=True)
        )
        for axis in AXES
        for entries in [getattr(study, axis)]
    }
    return study.model_copy(update={**labelled, "chosen": tuple(chosen), "tuning": None})


def chosen_text(study: Study) -> str:
    """Write a study as YAML, with comments on how its settings were chosen.

    Args:
        study: from :func:`chosen_study`.

    Returns:
        YAML.
    """
    comments = [f"# {line}" for choice in study.chosen for line in _about(choice)]
    header = [
        "# Written by lifelong-lb tune: the tuned study, and under chosen: the settings of each combination.",
        "# Neither the test part nor the seeds of this file were used for the choice.",
        "#",
    ]
    plain = study.model_dump(mode="json", exclude={"tuning"})
    return "\n".join([*header, *comments, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)])


def _about(choice: Chosen) -> Iterator[str]:
    assert choice.search is not None
    search = choice.search
    combination = " / ".join(choice.at)
    if search.best is None:
        yield f"{combination}: none of {search.trials} trials finished; the settings are unchanged"
        return
    not_done = f", {search.not_done} of them unfinished" if search.not_done else ""
    yield (
        f"{combination}: {choice.summary()}; {search.metric} {search.best:.4f}, the best of {search.trials} trials"
        f"{not_done} (median {search.median:.4f}, worst {search.worst:.4f})"
    )
    for edge in at_the_edge(choice):
        yield f"  {edge} is at an end of its range: search a wider range"
