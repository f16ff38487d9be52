"""What a search chooses on, without running anything: the study on what is held out, and its combinations. No torch."""

from collections.abc import Mapping
from dataclasses import dataclass

from lifelong_lb.config import OwnImages, Study, axis_labels, parse_study
from lifelong_lb.config.runs import combinations
from lifelong_lb.config.tuning import TUNED_AXES, Space


@dataclass(frozen=True)
class Searched:
    """A combination in which something is searched.

    Attributes:
        at: labels of its stream, strategy, rule and base optimizer.
        entries: their indices.
        study: the combination alone, on what is held out, its entries called by their labels.
        space: label of an entry to what is searched of it.
    """

    at: tuple[str, str, str, str]
    entries: tuple[int, ...]
    study: Study
    space: Mapping[str, Mapping[str, Space]]


def searched_combinations(study: Study) -> list[Searched]:
    """The combinations of a study in which something is searched.

    Args:
        study: a study with a section ``tuning``.

    Returns:
        Combinations, in the order of the study.

    Raises:
        UserError: when it cannot be run on what is held out.
    """
    assert study.tuning is not None
    base, search = held_out_study(study), study.tuning.search
    labels = {axis: axis_labels(getattr(study, axis), axis) for axis in ("streams", *TUNED_AXES)}
    found = []
    for entries in combinations(base):
        at = {axis: labels[axis][index] for axis, index in zip(labels, entries, strict=True)}
        space = {name: search[name] for name in list(at.values())[1:] if name in search}
        if space:
            alone = {
                axis: (getattr(base, axis)[index].model_copy(update={"label": at[axis]}),)
                for axis, index in zip(labels, entries, strict=True)
            }
            stream, strategy, rule, optimizer = at.values()
            combination = base.model_copy(update={**alone, "only": (), "exclude": ()})
            found.append(Searched((stream, strategy, rule, optimizer), entries, combination, space))
    return found


def held_out_study(study: Study) -> Study:
    """The study on what is held out: other seeds, a validation part, and the first experiences alone where asked for.

    Args:
        study: a study with a section ``tuning``.

    Returns:
        A study that never measures on the test part.

    Raises:
        UserError: when it cannot be run so.
    """
    assert study.tuning is not None
    held = study.tuning.held_out
    raw = study.model_dump(mode="json", exclude={"tuning", "chosen"})
    for axis in ("streams", *TUNED_AXES) if study.only or study.exclude else ():  # which go by labels
        for entry, label in zip(raw[axis], axis_labels(getattr(study, axis), axis), strict=True):
            entry["label"] = label
    for entry, stream in zip(raw["streams"], study.streams, strict=True):
        entry |= {"validation": held.validation, "evaluate": "validation"}
        if held.first_experiences is not None and held.first_experiences < stream.learnt:
            entry["first"] = held.first_experiences
        if held.class_order == "other":
            entry |= {key: None for key in ("class_order", "order", "angles") if key in entry}
    raw["evaluation"] |= {"landscape": None, "save_models": False, "every": None, "diagnostics_every": None}
    raw["evaluation"]["test_images_per_class"] = None  # measured on what is held out
    found = parse_study({**raw, "seeds": list(held.seeds)}, f"{study.name} on what tuning holds out")
    pairs = zip(found.streams, study.streams, strict=True)
    placed = (new.with_study_folder(old.study_folder) if isinstance(old, OwnImages) else new for new, old in pairs)
    return found.model_copy(update={"streams": tuple(placed)})
