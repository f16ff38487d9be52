"""The study file that a search ends in: the study as it was, and the settings chosen for each combination."""

from collections.abc import Iterator, Sequence

import yaml

from lifelong_lb.config import AXES, Study, axis_labels
from lifelong_lb.config.tuning import Chosen, at_the_edge


def chosen_study(study: Study, chosen: Sequence[Chosen]) -> Study:
    """A study with what was chosen for it.

    Args:
        study: the study that was tuned.
        chosen: what was chosen for each combination.

    Returns:
        The study without its section ``tuning``, each entry with the label it is called by.
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
    """A study file that runs by itself, with comments that say how its settings were chosen.

    Args:
        study: from :func:`chosen_study`.

    Returns:
        YAML.
    """
    comments = [f"# {line}" for one in study.chosen for line in _about(one)]
    head = [
        "# Written by lifelong-lb tune: the study as it was, and under chosen: what was chosen for each combination.",
        "# Nothing was chosen on the test part, nor under the seeds of this file.",
        "#",
    ]
    plain = study.model_dump(mode="json", exclude={"tuning"})
    return "\n".join([*head, *comments, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)])


def _about(one: Chosen) -> Iterator[str]:
    assert one.search is not None
    search = one.search
    at = " / ".join(one.at)
    if search.best is None:
        yield f"{at}: none of {search.trials} trials was done to its end; the settings stay as they were"
        return
    not_done = f", {search.not_done} of them not done to their end" if search.not_done else ""
    yield (
        f"{at}: {one.summary()}; {search.metric} {search.best:.4f}, the best of {search.trials} trials"
        f"{not_done} (median {search.median:.4f}, worst {search.worst:.4f})"
    )
    for place in at_the_edge(one):
        yield f"  {place} lies at an end of what was searched: search a wider range"
