"""Shared settings of a study, overridden by a stream."""

from typing import Any

from lifelong_lb.config.checks.budgets import budget_problems
from lifelong_lb.config.entries.models import HEADS_OF_SCENARIO, MODEL_ENTRIES, Convolutional, ModelEntry, Timm
from lifelong_lb.config.entries.streams.base import StreamEntry
from lifelong_lb.config.entries.streams.several_sources import SeveralSources
from lifelong_lb.config.entries.streams.vectors import Vectors
from lifelong_lb.config.entries.train import Train
from lifelong_lb.config.parse import parse_entry, parse_settings
from lifelong_lb.config.problems import Problems
from lifelong_lb.untrusted import quoted


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
    if isinstance(model, Timm) and (model.pretrained or model.weights) and stream.normalise != "dataset":
        problems.add(
            f"{path}.normalise",
            "must be left out for a pretrained model, which needs the statistics of its pretraining; "
            f"got {quoted(stream.normalise)}",
        )
    allowed, kind = HEADS_OF_SCENARIO[stream.scenario], str(stream.scenario)
    if isinstance(stream, SeveralSources) and stream.recurring:
        allowed, kind = ("single",), f"{path}, whose test part has all classes from the start,"
    if model.head == "auto":
        return model.model_copy(update={"head": allowed[0]})
    if model.head not in allowed:
        problems.add(
            f"{path}.model.head" if override else "model.head",
            f"{kind} needs {'one of the heads' if len(allowed) > 1 else 'the head'} {', '.join(allowed)}; "
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
    if "epochs" in stream.train:
        shared["later_epochs"] = None
    return parse_settings(Train, {**shared, **stream.train}, f"{path}.train", problems)


def check_overrides(parts: dict[str, Any], problems: Problems) -> list[Train]:
    """Check the models and training settings of the streams.

    Args:
        parts: the study's axes, ``model`` and ``train``.
        problems: receives the problems.

    Returns:
        Training settings of each stream; the shared ones for a stream with a problem.
    """
    trains: list[Train] = []
    for index, stream in enumerate(parts["streams"]):
        path = f"streams[{index}]"
        model = stream_model(parts["model"], stream, path, problems)
        train = stream_train(parts["train"], stream, path, problems)
        trains.append(train or parts["train"])
        if isinstance(stream, Vectors):
            _check_vectors(model, train, path, stream, problems)
        if train is not None:
            budget_problems(train, parts["rules"], f"{path}.train" if stream.train else "train", problems)
    return trains


def _check_vectors(
    model: ModelEntry | None, train: Train | None, path: str, stream: StreamEntry, problems: Problems
) -> None:
    """Refuse models and augmentations of images on a stream of vectors."""
    if isinstance(model, Convolutional | Timm):
        problems.add(
            f"{path}.model" if stream.model else "model",
            f"{path} has vectors, which need the model mlp or linear; got {model.name!r}",
        )
    for key in ("random_crop", "random_flip"):
        if train is not None and getattr(train, key):
            problems.add(
                f"{path}.train.{key}" if key in (stream.train or {}) else f"train.{key}",
                f"is for images, but {path} has vectors; got {getattr(train, key)}",
            )


def stream_settings(study_model: ModelEntry, study_train: Train, stream: StreamEntry) -> tuple[ModelEntry, Train]:
    """Model and training settings of a stream of a checked study.

    Args:
        study_model: the study's ``model``.
        study_train: the study's ``train``.
        stream: the stream.

    Returns:
        Both, with the stream's overrides.
    """
    problems = Problems()
    model = stream_model(study_model, stream, stream.name, problems)
    train = stream_train(study_train, stream, stream.name, problems)
    assert model is not None, problems.found  # check_overrides was called before
    assert train is not None, problems.found
    return model, train
