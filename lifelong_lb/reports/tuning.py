"""What was chosen before the runs of a report: from what, how, and at what cost."""

from lifelong_lb.config.tuning import Chosen, Range, Search, Space, at_the_edge
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.tables import DASH, KNOWN, count

TUNING_HEADINGS = (
    *("stream", "strategy", "rule", "base optimizer", "chosen", "searched", "trials"),
    *("best", "median", "worst", "gradient evaluations"),
)
TUNING_NOTE = (
    "Chosen for each combination by itself on a validation part held out of the train part, under seeds that are not "
    "reported: nothing here was measured on the test part. Best, median and worst are values of the trials that were "
    "done to their end, means over the tuning seeds; the others count as worse than all of them. The gradient "
    "evaluations are those of all trials, the strategy's own included, and are not part of what the runs cost."
)


def tuning_table(results: Results) -> list[dict[str, str]]:
    """The searches whose choice the runs of a folder have.

    Args:
        results: what a folder's runs have to say.

    Returns:
        One row a combination, :data:`TUNING_HEADINGS` to text; none where nothing was searched.
    """
    return [_row(one, one.search) for one in _searched(results)]


def tuning_values(results: Results) -> list[dict[str, float]]:
    """The numbers behind the texts of :func:`tuning_table`.

    Args:
        results: what a folder's runs have to say.

    Returns:
        One row a combination, heading to unrounded number, NaN for none.
    """
    found = [
        (one.trials, one.best, one.median, one.worst, one.gradient_evaluations)
        for one in (chosen.search for chosen in _searched(results))
        if one is not None
    ]
    numbers = [[float("nan") if value is None else float(value) for value in row] for row in found]
    return [dict(zip(TUNING_HEADINGS[-5:], row, strict=True)) for row in numbers]


def tuning_sentences(results: Results) -> list[str]:
    """What to keep in mind about what was chosen.

    Args:
        results: what a folder's runs have to say.

    Returns:
        Sentences: the metric and the whole cost, values at an end of their range, searches without a trial that ended.
    """
    searched = list(_searched(results))
    if not searched:
        return []
    names = dict.fromkeys(one.search.metric for one in searched if one.search)
    titles = [KNOWN[name].title if name in KNOWN else name for name in names]
    total = sum(one.search.gradient_evaluations for one in searched if one.search)
    found = [f"Chosen by {', '.join(titles)}; all searches together took {count(total)} gradient evaluations."]
    for one in searched:
        at = ", ".join(one.at)
        found += [
            f"{at}: {place} lies at an end of what was searched; a wider range may hold a better value."
            for place in at_the_edge(one)
        ]
        if one.search is not None and one.search.best is None:
            found.append(f"{at}: no trial was done to its end, so that nothing was chosen.")
    return found


def _searched(results: Results) -> list[Chosen]:
    chosen = results.study.study.chosen if results.study else ()
    return [one for one in chosen if one.search is not None]


def _row(one: Chosen, search: Search | None) -> dict[str, str]:
    assert search is not None
    values = (search.best, search.median, search.worst)
    not_done = f" ({search.not_done} not done)" if search.not_done else ""
    spaces = [f"{name}.{key}: {_space(space)}" for name, own in search.space.items() for key, space in own.items()]
    cells = [*one.at, one.summary() or DASH, "; ".join(spaces), f"{search.trials}{not_done}"]
    cells += [DASH if value is None else f"{value:.3f}" for value in values]
    return dict(zip(TUNING_HEADINGS, [*cells, count(search.gradient_evaluations)], strict=True))


def _space(space: Space) -> str:
    if isinstance(space, Range):
        kind = "".join(f", {word}" for word, meant in (("log", space.log), ("whole", space.whole)) if meant)
        return f"{space.low:g} to {space.high:g}{kind}"
    return ", ".join(map(str, space))
