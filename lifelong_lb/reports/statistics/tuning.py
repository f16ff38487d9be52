"""Hyper-parameter searches before the runs of a report: search space, choice and cost."""

from lifelong_lb.config.tuning import Chosen, at_the_edge
from lifelong_lb.reports.definitions import KNOWN
from lifelong_lb.reports.results.collect import Results

TUNING_NOTE = (
    "Settings were chosen separately for each combination on a validation part held out from the training part, under "
    "seeds that are not reported; the test part was not used. Best, median and worst are values of the completed "
    "trials, means over the tuning seeds; the other trials rank below all of them. The gradient evaluations are those "
    "of all trials, the strategy's own included, and are not part of the cost of the runs."
)


def tuning_sentences(results: Results) -> list[str]:
    """Comment on the chosen settings.

    Args:
        results: results of a folder.

    Returns:
        Sentences: the metric and the total cost, values at an end of their range, searches without a completed trial.
    """
    searched = searches(results)
    if not searched:
        return []
    names = dict.fromkeys(choice.search.metric for choice in searched if choice.search)
    titles = [KNOWN[name].title if name in KNOWN else name for name in names]
    total = sum(choice.search.gradient_evaluations for choice in searched if choice.search)
    sentences = [f"Chosen by {', '.join(titles)}; all searches together took {total:,} gradient evaluations."]
    for choice in searched:
        at = ", ".join(choice.at)
        sentences += [
            f"{at}: {place} is at an end of the searched range; a wider range may contain a better value."
            for place in at_the_edge(choice)
        ]
        if choice.search is not None and choice.search.best is None:
            sentences.append(f"{at}: no trial completed, so no setting was chosen.")
    return sentences


def searches(results: Results) -> list[Chosen]:
    """List the choices of settings that a search made.

    Args:
        results: results of a folder.

    Returns:
        The choices, in the order of the study.
    """
    chosen = results.study.study.chosen if results.study else ()
    return [choice for choice in chosen if choice.search is not None]
