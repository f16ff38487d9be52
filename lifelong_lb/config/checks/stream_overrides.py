"""Shared settings of a study, overridden by a stream."""

from lifelong_lb.config.entries.models import HEADS_OF_SCENARIO, MODEL_ENTRIES, ModelEntry
from lifelong_lb.config.entries.streams import StreamEntry
from lifelong_lb.config.entries.train import Train
from lifelong_lb.config.parse import parse_entry, parse_settings
from lifelong_lb.config.problems import Problems


def stream_model(study_model: ModelEntry, stream: StreamEntry, path: str, problems: Problems) -> ModelEntry | None:
    """Model of one stream: the shared model with the stream's overrides and an explicit head.

    Args:
        study_model: the study's ``model``.
        stream: the stream.
        path: path of the stream.
        problems: receives the problems.

    Returns:
        The model, or None if there are problems.
    """
    override = {"name": stream.model} if isinstance(stream.model, str) else dict(stream.model or {})
    same = override.get("name", study_model.name) == study_model.name
    merged = {**study_model.model_dump(), **override} if same else override
    model = parse_entry("model", MODEL_ENTRIES, merged, f"{path}.model" if override else "model", problems)
    if model is None:
        return None
    allowed = HEADS_OF_SCENARIO[stream.scenario]
    if model.head == "auto":
        return model.model_copy(update={"head": allowed[0]})
    if model.head not in allowed:
        problems.add(
            f"{path}.model.head" if override else "model.head",
            f"{stream.scenario} needs {'one of the heads' if len(allowed) > 1 else 'the head'} {', '.join(allowed)}; "
            f"got {model.head!r}",
        )
    return model


def stream_train(study_train: Train, stream: StreamEntry, path: str, problems: Problems) -> Train | None:
    """Training settings of one stream: the shared ones with the stream's overrides.

    Args:
        study_train: the study's ``train``.
        stream: the stream.
        path: path of the stream.
        problems: receives the problems.

    Returns:
        The settings, or None if there are problems.
    """
    if not stream.train:
        return study_train
    shared = study_train.model_dump()
    if "match" in stream.train:
        problems.add(
            f"{path}.train.match", "applies to the whole study: set it in train, and only budget or passes here"
        )
        return None
    if {"budget", "passes"} & set(stream.train):
        shared |= {"budget": None, "passes": None}
    return parse_settings(Train, {**shared, **stream.train}, f"{path}.train", problems)
