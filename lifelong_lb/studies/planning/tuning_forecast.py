"""What a search is going to cost, before anything runs. No torch here."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, product
from random import Random

from lifelong_lb.config import RunConfig, Study, expand
from lifelong_lb.config.tuning import TUNED_AXES, Range, Value, bare_entry
from lifelong_lb.data.dealing import learnt_labels
from lifelong_lb.data.selection import Labels
from lifelong_lb.studies.planning.forecast import Count, rule_gradients, strategy_gradients, trainings
from lifelong_lb.studies.tuning.held_out import Searched, searched_combinations

POINTS = 200
"""How many points of a space are looked at for the costliest one; spaces of more are rare, and then it is a guess."""

MOST_POINTS = 1000
"""The same of all spaces together."""

SEEDS = 10
"""How many seeds are looked at; the others are taken to cost the same."""

MOST_SEARCHES = 100
"""How many searches are looked at; where there are more, the others are taken to be like them."""


def about_trials(study: Study, found: Sequence[tuple[Labels | None, Labels | None]]) -> Iterator[str]:
    """How many runs the searches of a study take at most, and how many gradients.

    Args:
        study: a study with a section ``tuning``.
        found: labels of the images of each stream, train and test part, where they are known.

    Yields:
        Lines.
    """
    assert study.tuning is not None
    searches, seeds, trials = searched_combinations(study), len(study.tuning.held_out.seeds), study.tuning.trials
    runs = len(searches) * trials * seeds
    looked_at = searches if len(searches) <= MOST_SEARCHES else Random(0).sample(searches, MOST_SEARCHES)
    points = min(POINTS, max(MOST_POINTS // max(len(looked_at), 1), 2))
    total = sum((most_gradients(one, *found[one.entries[0]], points) for one in looked_at), Count())
    if len(looked_at) < len(searches):
        total = Count(total.least * len(searches) // len(looked_at), exact=False)
    unknown = any(labels is None for one in searches for labels in found[one.entries[0]])
    unknown = unknown or not (total.least or total.exact)
    taken = "an unknown number of" if unknown else f"at most {trials * total.least:,}" if total.exact else None
    yield (
        f"tuning, before these: {len(searches)} search{'es' * (len(searches) != 1)} x {trials} trials x {seeds} "
        f"seed{'s' * (seeds != 1)}, at most {runs:,} runs with "
        f"{taken or f'some {trials * total.least:,} or more'} gradient evaluations"
    )


def most_gradients(one: Searched, train: Labels | None, test: Labels | None, points: int = POINTS) -> Count:
    """Gradients of the costliest trial of a search, the strategy's own included.

    Args:
        one: the combination and its space.
        train: labels of the train part.
        test: labels of the test part.
        points: how many points of the space are looked at.

    Returns:
        Their number over all seeds; at least 0 where the images are not known.
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

    seeds = one.study.seeds[:SEEDS]
    few = one.study.model_copy(update={"seeds": seeds})
    costs = [
        sum((cost(run.config) for run in expand(study)), Count()) for study in _points(replace(one, study=few), points)
    ]
    exact = len(seeds) == len(one.study.seeds) and all(each.exact for each in costs)
    return Count(max(each.least for each in costs) * len(one.study.seeds) // len(seeds), exact)


def _points(one: Searched, most: int) -> Iterator[Study]:
    """The combination at the ends, or choices, of all that is searched of its strategy and rule."""
    places = {
        (label, key): _values(space)
        for label, keys in one.space.items()
        if label in one.at[1:3]
        for key, space in keys.items()
    }
    for values in islice(product(*places.values()), most):
        point: dict[str, dict[str, Value]] = {}
        for (label, key), value in zip(places, values, strict=True):
            point.setdefault(label, {})[key] = value
        changed = {axis: tuple(bare_entry(e, point) for e in getattr(one.study, axis)) for axis in TUNED_AXES}
        yield one.study.model_copy(update=changed)


def _values(space: Range | tuple[Value, ...]) -> list[Value]:
    return [space.examples()[-1], space.examples()[0]] if isinstance(space, Range) else list(space)
