"""Registration of user-defined rules, models, strategies and streams.

A decorator registers a factory under a name. The factory's parameters become settings in study files; each needs a type
annotation, and its default is the setting's default.
"""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import isclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pydantic import create_model

from lifelong_lb.config.entries.fields import Settings, is_plain_text
from lifelong_lb.config.entries.models import MODEL_ENTRIES, ModelEntry
from lifelong_lb.config.entries.rule_base import RuleEntry
from lifelong_lb.config.entries.rules import RULE_ENTRIES
from lifelong_lb.config.entries.strategies import NOT_OFFERED, STRATEGY_ENTRIES
from lifelong_lb.config.entries.strategy_base import StrategyEntry
from lifelong_lb.config.entries.streams import STREAM_ENTRIES
from lifelong_lb.config.entries.streams.base import FromFiles, OwnImages, Scenario, StreamEntry
from lifelong_lb.config.entries.streams.origin import Origin
from lifelong_lb.config.errors import UserError
from lifelong_lb.config.plugins.hooks import check_forward, check_hooks
from lifelong_lb.config.plugins.importing import MAIN, load_origin, origin_of, same_source
from lifelong_lb.config.plugins.signature import settings_of
from lifelong_lb.untrusted import begins_like_a_formula, quoted

Factory = Callable[..., Any]
F = TypeVar("F", bound=Factory)

KINDS: dict[str, dict[str, type[Any]]] = {
    "rule": RULE_ENTRIES,
    "model": MODEL_ENTRIES,
    "strategy": STRATEGY_ENTRIES,
    "stream": STREAM_ENTRIES,
}
"""Kinds of extensions, and the known entries of each."""


@dataclass(frozen=True)
class Extension:
    """A registered extension.

    Attributes:
        kind: a key of :data:`KINDS`.
        name: name in study files.
        entry: pydantic model of its settings.
        factory: function or class that builds it; None if only its stored settings are known.
        settings: names of the factory's settings.
        origin: module or file that registered it.
    """

    kind: str
    name: str
    entry: type[Settings]
    factory: Factory | None
    settings: tuple[str, ...]
    origin: str

    def arguments(self, entry: Settings) -> dict[str, Any]:
        """Keyword arguments of the factory.

        Args:
            entry: entry of the study file.

        Returns:
            The arguments.
        """
        return {key: getattr(entry, key) for key in self.settings}


EXTENSIONS: dict[tuple[str, str], Extension] = {}
"""Extensions registered in this process, by kind and name."""


def rule(name: str, *, gradients: int | tuple[int, int], spans: bool = False) -> Callable[[F], F]:
    """Register an update rule: a class or function that takes ``passes`` and settings and returns an ``UpdateRule``.

    Args:
        name: name in study files.
        gradients: gradient evaluations per minibatch, used for cost estimates and budgets; a pair of minimum and
            maximum if they depend on the data.
        spans: whether the rule spans several minibatches, so that the end of an epoch interrupts it.

    Returns:
        A decorator.

    Raises:
        UserError: if the numbers of gradients are invalid, or for a class that is no complete update rule.
    """
    fewest, most = (gradients, gradients) if isinstance(gradients, int) else gradients
    if not 1 <= fewest <= most:
        raise UserError(f"rule {name}: gradients must be at least 1, or a pair (minimum, maximum); got {gradients}")
    traits = {"spans": spans, "gradients": lambda entry, step: (fewest, most)}
    register: Callable[[F], F] = _register("rule", name, RuleEntry, given=("passes",), traits=traits)

    def decorate(target: F) -> F:
        if isclass(target) and not hasattr(target, "further_passes"):
            raise UserError(f"rule {name}: {target.__name__} must be a subclass of lifelong_lb.optim.UpdateRule")
        if missing := sorted(getattr(target, "__abstractmethods__", ())):
            raise UserError(
                f"rule {name}: {' and '.join(missing)} must be implemented; see lifelong_lb.optim.UpdateRule"
            )
        return register(target)

    return decorate


def model(name: str) -> Callable[[F], F]:
    """Register a backbone: a class or function that takes ``image`` and settings and returns a module.

    ``image`` is (channels, height, width). The module maps ``(N, C, H, W)`` to ``(N, feature_size)``, and has
    ``feature_size`` as an attribute; the head comes from the study.

    Args:
        name: name in study files.

    Returns:
        A decorator.
    """
    return _register("model", name, ModelEntry, given=("image",))


def strategy(
    name: str,
    *,
    scenarios: Sequence[str] = StrategyEntry.scenarios,
    heads: Sequence[str] = StrategyEntry.heads,
    online: bool = False,
) -> Callable[[F], F]:
    """Register a continual-learning strategy: a function that takes ``common`` and settings and returns a strategy.

    ``common`` holds the arguments that every Avalanche strategy takes: model, optimizer, criterion, plugins and others;
    append further plugins to those that it holds. A rule's further passes repeat Avalanche's ordinary loop: a plugin
    with hooks within a pass is declared with :func:`lifelong_lb.strategies.register_plugin`.

    Args:
        name: name in study files.
        scenarios: supported scenarios.
        heads: supported heads.
        online: whether it can treat each chunk of an online stream as an experience.

    Returns:
        A decorator.
    """
    traits = {"scenarios": tuple(scenarios), "heads": tuple(heads), "online": online}
    return _register("strategy", name, StrategyEntry, given=("common",), traits=traits)


def stream(name: str, *, scenario: Scenario, dataset: str | None = None) -> Callable[[F], F]:
    """Register a stream: a function that takes ``images``, ``seed`` and settings and returns one pair per experience.

    ``images`` are a whole data set, see :class:`lifelong_lb.data.image_tensors.ImageData`. Each pair holds the images
    to train on and those to measure accuracy on, as :class:`~lifelong_lb.data.image_tensors.ImageTensors`. Labels are
    the model's targets: indices within the experience if the scenario is task-incremental, else indices among all
    classes. ``experiences`` must be one of the settings.

    Args:
        name: name in study files.
        scenario: scenario of the stream.
        dataset: the data set, see ``lifelong-lb data list``; without one, studies give a ``source``.

    Returns:
        A decorator.
    """
    base = StreamEntry if dataset is not None else _UserStream
    fixed = {"scenario": (Literal[scenario], scenario)}
    return _register(
        "stream",
        name,
        base,
        given=("images", "seed"),
        needed=("experiences",),
        fixed=fixed,
        traits={"dataset": dataset},
    )


class _UserStream(OwnImages, StreamEntry):
    """Stream of the user's own images."""


def factory_of(kind: str, name: str, builtin: Mapping[str, Factory]) -> Factory:
    """Look up a built-in or registered factory.

    Args:
        kind: a key of :data:`KINDS`.
        name: name in study files.
        builtin: built-in factories by name.

    Returns:
        The factory.

    Raises:
        UserError: if only the stored settings of the extension are known.
    """
    if name in builtin:
        return builtin[name]
    factory = EXTENSIONS[kind, name].factory
    if factory is None:
        raise UserError(
            f"the {kind} {name} is registered by {quoted(EXTENSIONS[kind, name].origin)}, which is not imported: "
            "modules named in a result folder never are. Import a trusted file with --imports (imports= in Python)"
        )
    return factory


def is_stored_only(kind: str, name: str) -> bool:
    """Whether only the stored settings of an extension are known.

    Args:
        kind: a key of :data:`KINDS`.
        name: its name.

    Returns:
        True if it is an extension whose module has not been imported.
    """
    return (kind, name) in EXTENSIONS and EXTENSIONS[kind, name].factory is None


def origins_of(parts: Mapping[str, Any]) -> list[str]:
    """Modules and files that registered the entries of a run.

    Args:
        parts: kind to entry.

    Returns:
        Sorted origins without duplicates.
    """
    keys = [(kind, entry.name) for kind, entry in parts.items()]
    return sorted({EXTENSIONS[key].origin for key in keys if key in EXTENSIONS})


def stored_only(kind: str, name: str, origin: str) -> None:
    """Register an extension so that its stored settings can be read without importing it.

    Args:
        kind: a key of :data:`KINDS`.
        name: its name; a known name is left unchanged.
        origin: the module or file that registered it, as stored.

    Raises:
        ValueError: if the kind is unknown or the name is invalid.
    """
    if kind not in KINDS or not _is_name(name):
        raise ValueError(f"invalid extension: kind {quoted(kind)}, name {quoted(name)}")
    if name in KINDS[kind]:
        return
    base: type[Any] = {"rule": RuleEntry, "model": ModelEntry, "strategy": StrategyEntry, "stream": StreamEntry}[kind]
    namespace = {"__module__": __name__, "model_config": {"extra": "allow"}}
    entry: type[Any] = types.new_class("Stored", (base,), exec_body=lambda body: body.update(namespace))
    _add(Extension(kind, name, entry, None, (), origin))


def _register(
    kind: str,
    name: str,
    base: type[Any],
    *,
    given: Sequence[str],
    needed: Sequence[str] = (),
    fixed: Mapping[str, Any] | None = None,
    traits: Mapping[str, Any] | None = None,
) -> Callable[[F], F]:
    def add(factory: F) -> F:
        origin = origin_of(factory)
        _check_name(kind, name, origin)
        if isinstance(factory, type) and kind == "rule":
            check_hooks(factory, f"rule {name}", must_override=True)
        elif isinstance(factory, type) and kind == "model":
            check_forward(factory, f"model {name}")
        settings = settings_of(
            factory, f"{kind} {name}", given=given, needed=needed, reserved=_reserved_names(base, needed)
        )
        namespace = {"__module__": __name__, "__reduce__": _reduce, **(traits or {})}
        traced: Any = types.new_class(f"{name}-base", (base,), exec_body=lambda body: body.update(namespace))
        fields = {**(fixed or {}), **settings, "name": (Literal[name], name)}
        entry = create_model(name, __base__=traced, __doc__=_first_line(factory), **fields)
        _add(Extension(kind, name, cast(type[Settings], entry), factory, tuple(settings), origin))
        return factory

    return add


def _add(extension: Extension) -> None:
    EXTENSIONS[extension.kind, extension.name] = extension
    KINDS[extension.kind][extension.name] = extension.entry


def _check_name(kind: str, name: str, origin: str) -> None:
    if not _is_name(name):
        raise UserError(f"a {kind} needs a name without spaces and punctuation, e.g. half-sam; got {quoted(name)}")
    earlier = EXTENSIONS.get((kind, name))
    if earlier is not None and (earlier.factory is None or origin == MAIN or same_source(origin, earlier.origin)):
        return
    if name in KINDS[kind] or (kind == "strategy" and name in NOT_OFFERED):
        where = f", registered by {earlier.origin}" if earlier is not None else ""
        raise UserError(f"the {kind} {name} already exists{where}; choose another name")


def _is_name(name: str) -> bool:
    """Whether a name is valid in study files and tables."""
    punctuation = any(c.isspace() or c in ".,:=[]{}" for c in name)
    return is_plain_text(name) and not punctuation and not begins_like_a_formula(name)


def _reserved_names(base: type[Any], needed: Sequence[str]) -> set[str]:
    return {*base.model_fields, "name", "label"} - set(needed)


def _first_line(factory: Factory) -> str:
    return next(iter((factory.__doc__ or "").strip().splitlines()), "")


def _reduce(entry: Settings) -> tuple[Any, ...]:
    """Pickle an entry by name, because its class is created again in the other process."""
    kind, name = next(key for key, extension in EXTENSIONS.items() if isinstance(entry, extension.entry))
    folder = entry.study_folder if isinstance(entry, FromFiles | ModelEntry) else None
    place = entry.origin if isinstance(entry, StreamEntry) else None
    return _rebuild, (kind, name, EXTENSIONS[kind, name].origin, entry.model_dump(), folder, place)


def _rebuild(
    kind: str, name: str, origin: str, values: dict[str, Any], folder: Path | None = None, place: Origin | None = None
) -> Settings:
    if (kind, name) not in EXTENSIONS or is_stored_only(kind, name):
        load_origin(origin)
    entry: Settings = KINDS[kind][name].model_validate(values)
    if isinstance(entry, FromFiles | ModelEntry):
        entry = entry.with_study_folder(folder)
    return entry.with_origin(place) if isinstance(entry, StreamEntry) and place is not None else entry
