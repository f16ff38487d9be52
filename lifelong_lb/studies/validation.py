"""What ``validate`` says of a study: its grid, and what running it takes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifelong_lb.config import GridRun, StreamEntry, Study, UserError, axis_labels, expand
from lifelong_lb.data import cache_folder, data_roots, find_images
from lifelong_lb.data.dealing import learnt_labels
from lifelong_lb.data.prepared import prepared_already
from lifelong_lb.data.selection import Labels
from lifelong_lb.studies.forecast import Count, rule_gradients, strategy_gradients, trainings


@dataclass(frozen=True)
class Parts:
    """Labels of a stream's images, as far as they can be told without decoding any.

    Attributes:
        train: labels of the train part; None where it is not known.
        test: labels of the test part, likewise.
        reason: why not.
    """

    train: Labels | None = None
    test: Labels | None = None
    reason: str = ""


def labels_of(stream: StreamEntry, roots: Sequence[Path]) -> Parts:
    """Labels of a stream's images.

    Args:
        stream: what the study file says.
        roots: folders of the data sets.

    Returns:
        Both parts, or the reason why they are not known.
    """
    try:
        found = prepared_already(find_images(stream, roots), cache_folder())
    except UserError as error:
        return Parts(reason=str(error).splitlines()[0])
    if found is None:
        return Parts(reason=f"they are not prepared yet (lifelong-lb data prepare {stream.images})")
    return Parts(found.train.y, found.test.y)


def lines_about(study: Study, data: Path | None = None) -> Iterator[str]:
    """What ``validate`` prints about a checked study.

    Args:
        study: the study.
        data: folder of the data sets; None for the usual places.

    Yields:
        Lines.

    Raises:
        UserError: when the folder does not exist, or images that are there cannot be dealt out as asked.
    """
    runs = expand(study)
    for axis in ("streams", "strategies", "rules", "optimizers"):
        yield f"{axis:<10} {', '.join(axis_labels(getattr(study, axis), axis))}"
    yield f"{'seeds':<10} {', '.join(map(str, study.seeds))}"
    yield ""
    if study.train.match == "seconds":
        yield f"train: at most {study.train.budget:g} seconds an experience; another run gives other numbers"
    elif study.train.match == "gradients" and study.train.passes is not None:
        yield f"train: {study.train.passes:g} gradient evaluations for each minibatch of {study.train.epochs} epochs"
    elif study.train.match == "gradients":
        yield f"train: {study.train.budget:g} gradient evaluations an experience"
    yield from _about_gradients(study, runs, data_roots(data))
    yield ""


def _about_gradients(study: Study, runs: Sequence[GridRun], roots: Sequence[Path]) -> Iterator[str]:
    found = [labels_of(stream, roots) for stream in study.streams]
    counts = gradients_of(runs, found)
    names = axis_labels(study.rules, "rules")
    yield f"gradient evaluations of all runs: {sum((rule for rule, _ in counts.values()), Count())}"
    for index, name in enumerate(names):
        own = [counts[run.config.run_id][0] for run in runs if run.entries["rules"] == index]
        unknown = any(found[run.entries["streams"]].reason for run in runs if run.entries["rules"] == index)
        total = sum(own, Count())
        number = "unknown" if unknown and not total.least else str(total)
        yield f"  {name}: {number} in {len(own)} run{'s' * (len(own) != 1)}"
    strategies = sum((strategy for _, strategy in counts.values()), Count())
    if strategies.least or not strategies.exact:
        yield f"  and the strategies' own: {strategies}"
    for stream, parts in zip(axis_labels(study.streams, "streams"), found, strict=True):
        if parts.reason:
            yield f"  without {stream}, the number of whose images is not known: {parts.reason}"


def gradients_of(runs: Sequence[GridRun], found: Sequence[Parts]) -> Mapping[str, tuple[Count, Count]]:
    """Gradient evaluations of each run.

    Args:
        runs: of a study.
        found: labels of each of its streams.

    Returns:
        Run id to those of the rule, and the strategy's own; at least 0 where the images are not known.

    Raises:
        UserError: when images cannot be dealt out as asked.
    """
    dealt: dict[tuple[int, int], list[Labels]] = {}
    counts = {}
    for run in runs:
        config, index = run.config, run.entries["streams"]
        train, test = found[index].train, found[index].test
        if train is None or test is None:
            counts[config.run_id] = Count(exact=False), Count(exact=False)
            continue
        key = (index, config.seed)
        if key not in dealt:
            dealt[key] = learnt_labels(config.stream, train, test, config.seed)
        parts = trainings(config, dealt[key])
        counts[config.run_id] = rule_gradients(config, parts), strategy_gradients(config, parts)
    return counts
