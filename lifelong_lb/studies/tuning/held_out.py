"""Build the held-out study of a search and its combinations, without torch."""

from collections.abc import Mapping
from dataclasses import dataclass

from lifelong_lb.config import FromFiles, Study, axis_labels, parse_study
from lifelong_lb.config.runs import combinations
from lifelong_lb.config.tuning import TUNED_AXES, Space


@dataclass(frozen=True)
class SearchedCombination:
    """A combination with hyper-parameters to search.

    Attributes:
        labels: those of its stream, strategy, rule and base optimizer.
        entries: their indices.
        study: held-out study of this combination alone, with explicit labels.
        space: label of an entry to its search space.
    """

    labels: tuple[str, str, str, str]
    entries: tuple[int, ...]
    study: Study
    space: Mapping[str, Mapping[str, Space]]


def searched_combinations(study: Study) -> list[SearchedCombination]:
    """List the combinations of a study with hyper-parameters to search.

    Args:
        study: a study with a section ``tuning``.

    Returns:
        Combinations, in the order of the study.

    Raises:
        UserError: if the held-out study is invalid.
    """
    assert study.tuning is not None
    base, search = held_out_study(study), study.tuning.search
    labels = {axis: axis_labels(getattr(study, axis), axis) for axis in ("streams", *TUNED_AXES)}
    result = []
    for entries in combinations(base):
        label_of = {axis: labels[axis][index] for axis, index in zip(labels, entries, strict=True)}
        space = {name: search[name] for name in list(label_of.values())[1:] if name in search}
        if space:
            single_entries = {
                axis: (getattr(base, axis)[index].model_copy(update={"label": label_of[axis]}),)
                for axis, index in zip(labels, entries, strict=True)
            }
            stream, strategy, rule, optimizer = label_of.values()
            combination = base.model_copy(update={**single_entries, "only": (), "exclude": ()})
            result.append(SearchedCombination((stream, strategy, rule, optimizer), entries, combination, space))
    return result


def held_out_study(study: Study) -> Study:
    """Derive the held-out study: other seeds, a validation part, and optionally only the first experiences.

    Args:
        study: a study with a section ``tuning``.

    Returns:
        A study that never evaluates on the test part.

    Raises:
        UserError: if it is invalid.
    """
    assert study.tuning is not None
    settings = study.tuning.held_out
    raw = study.model_dump(mode="json", exclude={"tuning", "chosen"})
    for axis in ("streams", *TUNED_AXES) if study.only or study.exclude else ():  # only and exclude refer to labels
        for entry, label in zip(raw[axis], axis_labels(getattr(study, axis), axis), strict=True):
            entry["label"] = label
    for entry, stream in zip(raw["streams"], study.streams, strict=True):
        entry |= {"validation": settings.validation, "evaluate": "validation"}
        if settings.first_experiences is not None and settings.first_experiences < stream.learnt:
            entry["first"] = settings.first_experiences
        if settings.class_order == "other":
            entry |= {key: None for key in ("class_order", "order", "angles") if key in entry}
    raw["evaluation"] |= {"landscape": None, "save_models": False, "every": None, "diagnostics_every": None}
    raw["evaluation"]["test_images_per_class"] = None  # the validation part is used instead
    result = parse_study({**raw, "seeds": list(settings.seeds)}, f"{study.name} on what tuning holds out")
    pairs = zip(result.streams, study.streams, strict=True)
    placed = [
        (new.with_study_folder(old.study_folder) if isinstance(old, FromFiles) else new).with_origin(old.origin)
        for new, old in pairs
    ]
    return result.model_copy(update={"streams": tuple(placed)}).with_folder(study.folder).with_places_of_models(study)
