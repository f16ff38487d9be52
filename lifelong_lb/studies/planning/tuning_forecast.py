"""Estimate the cost of hyper-parameter searches before execution, without torch."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from random import Random

from lifelong_lb.config import RunConfig, Study, expand
from lifelong_lb.config.tuning import TUNED_AXES, Range, Value, bare_entry
from lifelong_lb.data.experiences import learnt_labels
from lifelong_lb.data.selection import Labels
from lifelong_lb.studies.planning.forecast import Count, rule_gradients, strategy_gradients, trainings
from lifelong_lb.studies.tuning.held_out import SearchedCombination, searched_combinations

MAX_POINTS = 200
"""Number of points of a space among which the costliest is sought; for larger spaces the result is a guess."""

MAX_TOTAL_POINTS = 1000
"""The same over all spaces."""

MAX_SEEDS = 10
"""Number of seeds evaluated; the others are assumed to cost the same."""

MAX_SEARCHES = 100
"""Number of searches sampled; the others are assumed to be alike."""


def about_trials(study: Study, image_labels: Sequence[tuple[Labels | None, Labels | None]]) -> Iterator[str]:
    """Describe the maximum number of runs and gradients of the searches of a study.

    Args:
        study: a study with a section ``tuning``.
        image_labels: labels of the train and test images of each stream; None if unknown.

    Yields:
        Lines.
    """
    assert study.tuning is not None
    searches, seeds, trials = searched_combinations(study), len(study.tuning.held_out.seeds), study.tuning.trials
    runs = len(searches) * trials * seeds
    sampled = searches if len(searches) <= MAX_SEARCHES else Random(0).sample(searches, MAX_SEARCHES)
    points = min(MAX_POINTS, max(MAX_TOTAL_POINTS // max(len(sampled), 1), 2))
    total = sum((most_gradients(search, *image_labels[search.entries[0]], points) for search in sampled), Count())
    if len(sampled) < len(searches):
        total = Count(total.least * len(searches) // len(sampled), exact=False)
    unknown = any(labels is None for search in searches for labels in image_labels[search.entries[0]])
    unknown = unknown or not (total.least or total.exact)
    taken = "an unknown number of" if unknown else f"at most {trials * total.least:,}" if total.exact else None
    yield (
        f"tuning, in addition: {len(searches)} search{'es' * (len(searches) != 1)} x {trials} trials x {seeds} "
        f"seed{'s' * (seeds != 1)}, at most {runs:,} runs with "
        f"{taken or f'about {trials * total.least:,} or more'} gradient evaluations"
    )


def most_gradients(
    search: SearchedCombination, train: Labels | None, test: Labels | None, points: int = MAX_POINTS
) -> Count:
    """Count the gradients of the costliest trial of a search, including the strategy's own.

    Args:
        search: the combination and its space.
        train: labels of the train part.
        test: labels of the test part.
        points: maximum number of points evaluated.

    Returns:
        Their number over all seeds; at least 0 if the images are unknown.
    """
    if train is None or test is None:
        return Count(exact=False)
    learnt: dict[int, Sequence[Labels] | None] = {}

    def cost(config: RunConfig) -> Count:
        if config.seed not in learnt:
            learnt[config.seed] = learnt_labels(config.stream, train, test, config.seed)
        dealt = learnt[config.seed]
        if dealt is None:
            return Count(exact=False)
        parts = trainings(config, dealt)
        return rule_gradients(config, parts) + strategy_gradients(config, parts)

    seeds = search.study.seeds[:MAX_SEEDS]
    reduced = search.study.model_copy(update={"seeds": seeds})
    costs = [
        sum((cost(run.config) for run in expand(study)), Count())
        for study in _points(replace(search, study=reduced), points)
    ]
    exact = len(seeds) == len(search.study.seeds) and all(each.exact for each in costs)
    return Count(max(each.least for each in costs) * len(search.study.seeds) // len(seeds), exact)


def _points(search: SearchedCombination, limit: int) -> Iterator[Study]:
    """The combination at the ends of each range, or at each choice, of its strategy and rule."""
    searched_keys = {
        (label, key): _values(space)
        for label, keys in search.space.items()
        if label in search.labels[1:3]
        for key, space in keys.items()
    }
    for values in islice(product(*searched_keys.values()), limit):
        point: dict[str, dict[str, Value]] = {}
        for (label, key), value in zip(searched_keys, values, strict=True):
            point.setdefault(label, {})[key] = value
        changed = {axis: tuple(bare_entry(e, point) for e in getattr(search.study, axis)) for axis in TUNED_AXES}
        yield search.study.model_copy(update=changed)


def _values(space: Range | tuple[Value, ...]) -> list[Value]:
    return [space.examples()[-1], space.examples()[0]] if isinstance(space, Range) else list(space)
