"""Build torch optimizers, with their parameter groups, from the entries of a study file."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from avalanche.models.dynamic_optimizers import update_optimizer
from torch import nn
from torch.optim import LBFGS, SGD, Adagrad, Adam, AdamW, NAdam, Optimizer, RMSprop

from lifelong_lb.config import OptimizerEntry, UserError
from lifelong_lb.config.entries import optimizers as entries
from lifelong_lb.config.entries.parameter_groups import MATCH
from lifelong_lb.config.errors import listed_names
from lifelong_lb.optim import ClosureOptimizer, ExternalOptimizer, MuonWithAdamW, RebuiltOptimizer
from lifelong_lb.optim.modes import averages
from lifelong_lb.untrusted import quoted

Groups = list[Any]
"""Parameters, or parameter groups with their keywords, as every torch optimizer takes them."""

_OF_ADAMW = "adamw_"
"""Prefix of Muon's settings of AdamW."""


def _keywords(entry: OptimizerEntry) -> dict[str, Any]:
    """Keywords of the optimizer's class: the hyper-parameters, with both betas as a pair."""
    settings = entry.hyper_parameters()
    if "beta2" in settings:
        settings["betas"] = settings.pop("beta1"), settings.pop("beta2")
    return settings


def _fused(entry: OptimizerEntry) -> dict[str, Any]:
    return {**_keywords(entry), "fused": True}  # one kernel instead of ten


def _of_schedule_free(entry: OptimizerEntry) -> dict[str, Any]:
    settings = _keywords(entry)
    if settings.pop("base") == "sgd":
        del settings["eps"]
        settings["momentum"], _ = settings.pop("betas")
    return settings


def _of_external(entry: OptimizerEntry) -> dict[str, Any]:
    assert isinstance(entry, entries.External)
    return entry.settings


def _of_muon(entry: OptimizerEntry) -> dict[str, Any]:
    settings = {key: value for key, value in entry.hyper_parameters().items() if not key.startswith(_OF_ADAMW)}
    return {"use_muon": True, "adjust_lr_fn": settings.pop("adjust_lr"), **settings}


def _of_muons_adamw(entry: OptimizerEntry) -> dict[str, Any]:
    values = entry.hyper_parameters()
    settings = {key.removeprefix(_OF_ADAMW): values[key] for key in values if key.startswith(_OF_ADAMW)}
    return {"use_muon": False, "fused": True, "betas": (settings.pop("beta1"), settings.pop("beta2")), **settings}


_KEYWORDS = {"adam": _fused, "adamw": _fused, "schedule-free": _of_schedule_free, "external": _of_external}


def _keywords_of(entry: OptimizerEntry) -> dict[str, Any]:
    return _KEYWORDS.get(entry.name, _keywords)(entry)


def _plain(kind: Callable[..., Optimizer]) -> Callable[[OptimizerEntry, Groups], Optimizer]:
    """A class of torch whose optimizers stay correct when parameters are replaced."""
    return lambda entry, groups: kind(groups, **_keywords_of(entry))


def _lbfgs(entry: OptimizerEntry, groups: Groups) -> Optimizer:
    return ClosureOptimizer(partial(LBFGS, **_keywords(entry)), groups, restart=True)


def _adagrad(entry: OptimizerEntry, groups: Groups) -> Optimizer:
    return RebuiltOptimizer(partial(Adagrad, **_keywords(entry)), groups)


def _muon(entry: OptimizerEntry, groups: Groups) -> Optimizer:
    return MuonWithAdamW(groups)


def _imported(entry: OptimizerEntry, groups: Groups) -> Optimizer:
    build, closure, restart = external_of(entry), entry.takes_passes, getattr(entry, "restart", False)
    try:
        restart = restart or issubclass(build.kind(), LBFGS) or averages(build.kind())
        return (ClosureOptimizer if closure else RebuiltOptimizer)(build, groups, restart=restart)
    except ValueError as error:
        raise UserError(str(error)) from None


OPTIMIZERS: dict[str, Callable[[OptimizerEntry, Groups], Optimizer]] = {
    "sgd": _plain(SGD),
    "adam": _plain(Adam),
    "adamw": _plain(AdamW),
    "lbfgs": _lbfgs,
    "rmsprop": _plain(RMSprop),
    "adagrad": _adagrad,
    "nadam": _plain(NAdam),
    "muon": _muon,
    "lion": _imported,
    "schedule-free": _imported,
    "external": _imported,
}
"""Builders by the name in a study file."""


def external_of(entry: OptimizerEntry) -> ExternalOptimizer:
    """The class of another package that an entry stands for; it is imported only when an optimizer is built.

    Args:
        entry: entry ``external``, ``lion`` or ``schedule-free``.

    Returns:
        A function that builds the optimizer.
    """
    keywords = _keywords_of(entry)
    if isinstance(entry, entries.External):
        return ExternalOptimizer(entry.target, keywords, entry.classes)
    if isinstance(entry, entries.ScheduleFree):
        kind = "ScheduleFreeSGD" if entry.base == "sgd" else "ScheduleFreeAdamW"
        return ExternalOptimizer(f"pytorch_optimizer.{kind}", keywords)
    return ExternalOptimizer("pytorch_optimizer.Lion", keywords)


def build_optimizer(
    entry: OptimizerEntry, parameters: Iterable[nn.Parameter] | Iterable[tuple[str, nn.Parameter]]
) -> Optimizer:
    """Build a base optimizer.

    Args:
        entry: entry of the study file.
        parameters: parameters of the model, with their names (``model.named_parameters()``) for ``muon`` and for an
            entry with groups.

    Returns:
        A torch optimizer; external ones are wrapped so that they follow changes of the model.

    Raises:
        UserError: if an optimizer cannot be imported or built, or a group has no parameters.
        ValueError: if names are needed and missing.
    """
    given = list(parameters)
    named = [pair for pair in given if isinstance(pair, tuple)]
    if entry.groups is None and entry.name != "muon":
        return OPTIMIZERS[entry.name](entry, [pair[1] if isinstance(pair, tuple) else pair for pair in given])
    if len(named) < len(given):
        raise ValueError(f"{entry.name} with groups of parameters needs their names: pass model.named_parameters()")
    check_patterns(entry, [name for name, _ in named])
    return OPTIMIZERS[entry.name](entry, _grouped(entry, named))


def _grouped(entry: OptimizerEntry, named: Sequence[tuple[str, nn.Parameter]]) -> Groups:
    """Parameter groups, in the order of :func:`group_index`; a group without parameters may get some later."""
    kinds = (_of_muon, _of_muons_adamw) if entry.name == "muon" else (_keywords_of,)
    keywords = [keywords(variant) for variant in entry.variants() for keywords in kinds]
    groups = [
        {"params": [], **{key: value for key, value in each.items() if key not in entry.not_grouped}}
        for each in keywords
    ]
    for name, parameter in named:
        groups[group_index(entry, name, parameter)]["params"].append(parameter)
    if entry.name == "muon" and not any(group["params"] for group in groups if group["use_muon"]):
        raise UserError("muon needs hidden matrices, which this model does not have; use adamw")
    return groups


def group_index(entry: OptimizerEntry, name: str, parameter: nn.Parameter) -> int:
    """Index of the parameter group to which a parameter of the model belongs.

    Args:
        entry: entry of the study file, ``muon`` or one with groups.
        name: name of the parameter.
        parameter: the parameter.

    Returns:
        Index in the optimizer's ``param_groups``. For Muon, each group is divided into hidden matrices and the rest.
    """
    index = entry.group_of(name)
    if entry.name != "muon":
        return index
    is_hidden = not name.startswith("head.") and "embed" not in name
    is_matrix = parameter.ndim >= 2 and name.endswith("weight")
    return 2 * index + (not (is_hidden and is_matrix))


def check_patterns(entry: OptimizerEntry, names: Sequence[str]) -> None:
    """Check that each group of an entry has parameters.

    Args:
        entry: entry of the study file.
        names: names of the model's parameters.

    Raises:
        UserError: if one has none.
    """
    numbers = {entry.group_of(name) for name in names}
    for index, group in enumerate(entry.groups or ()):
        if index + 1 in numbers:
            continue
        pattern = group[MATCH]
        alone = entry.model_copy(update={"groups": ({MATCH: pattern},)})
        if any(alone.group_of(name) for name in names):
            raise UserError(
                f"groups[{index}].match: every parameter that matches {quoted(pattern)} matches an earlier group, and "
                "the first match wins; put the more specific pattern first"
            )
        parts = [name.split(".") for name in names]
        known = dict.fromkeys([*names, *(f"*.{each[-1]}" for each in parts), *(f"{each[0]}.*" for each in parts)])
        near = get_close_matches(pattern, known, n=1, cutoff=0.5)
        hint = f"; did you mean {quoted(near[0])}?" if near else ""
        raise UserError(
            f"groups[{index}].match: no parameter of the model matches {quoted(pattern)}{hint} (parameters: "
            f"{listed_names(list(names))})"
        )


def follow_groups(strategy: Any, entry: OptimizerEntry) -> None:
    """Put parameters that the model gets later into the groups that their names match, and keep frozen ones out.

    Avalanche infers the group of a new parameter from those of its neighbours, and fails if they differ; and it adds
    every parameter of the model to the optimizer, frozen ones, too. This overrides ``make_optimizer`` of the strategy,
    which it calls whenever the model has been adapted. Tensors that replace others, as in a head that grows, stay in
    their group without that.

    Args:
        strategy: the Avalanche strategy.
        entry: entry of its optimizer.
    """
    if strategy.optimizer is None:
        return
    is_frozen = not all(p.requires_grad for p in strategy.model.parameters())
    if is_frozen or len(strategy.optimizer.param_groups) > 1:
        strategy.make_optimizer = partial(_make_optimizer, strategy, entry)


def _make_optimizer(strategy: Any, entry: OptimizerEntry, **kwargs: Any) -> None:
    groups, known = strategy.optimizer.param_groups, strategy.optimized_param_id or {}
    covered = {id(p) for group in groups for p in group["params"]}
    trained = {name: p for name, p in strategy.model.named_parameters() if p.requires_grad}
    for name, parameter in trained.items() if len(groups) > 1 else ():
        if name not in known and id(parameter) not in covered:
            groups[group_index(entry, name, parameter)]["params"].append(parameter)
    if len(trained) == sum(1 for _ in strategy.model.parameters()):
        type(strategy).make_optimizer(strategy, **kwargs)
        return
    settings = {
        "reset_state": kwargs.get("reset_optimizer_state", False),
        "remove_params": kwargs.get("remove_params", False),
    }
    strategy.optimized_param_id = update_optimizer(strategy.optimizer, trained, strategy.optimized_param_id, **settings)
