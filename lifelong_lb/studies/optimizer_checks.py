"""Checks of base optimizers before anything runs: what they require, their groups, and averages of weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lifelong_lb.config import Study, UserError
from lifelong_lb.config.entries.optimizers import External
from lifelong_lb.config.entries.parameter_groups import MATCH
from lifelong_lb.config.plugins.register import factory_of
from lifelong_lb.config.runs import Combination, combinations, runs_of
from lifelong_lb.studies.requirements import unmet_requirement
from lifelong_lb.studies.stream_images import find_source, prepared


def check_optimizers(study: Study) -> None:
    """Check requirements, and build and step external optimizers; torch is imported only if there are any.

    Args:
        study: the study.

    Raises:
        UserError: if an optimizer cannot be used.
    """
    for index, entry in enumerate(study.optimizers):
        if (reason := unmet_requirement(entry)) is not None:
            raise UserError(f"optimizers[{index}]: {reason}")
        if isinstance(entry, External):
            from lifelong_lb.optim import ExternalOptimizer
            from lifelong_lb.optim.modes import averages

            options: dict[str, Any] = {"closure": entry.closure, "scheduled": entry.schedule is not None}
            try:
                build = ExternalOptimizer(entry.target, entry.settings, entry.classes)
                build.try_out(**options)
                for group in entry.groups or ():
                    build.try_out(**options, group={key: value for key, value in group.items() if key != MATCH})
            except ValueError as error:
                raise UserError(f"optimizers[{index}]: {error}") from None
            if averages(build.kind()):
                _check_averaging(study, index)
        elif entry.averages:
            _check_averaging(study, index)


def _check_averaging(study: Study, index: int) -> None:
    """Check an optimizer that evaluates at averaged weights against the rules and strategies of its runs."""
    from lifelong_lb.averaging import loop_conflict, path_conflict
    from lifelong_lb.optim import RULES, Passes
    from lifelong_lb.optim.rule import averaging_conflict

    name = study.optimizers[index].called
    affected = [entries for entries in combinations(study) if entries[3] == index]
    for run in runs_of(study, affected, study.seeds[:1]):
        rule, strategy = run.config.rule, run.config.strategy
        settings = {**rule.hyper_parameters(), "passes": Passes(**rule.pass_options())}
        reason = averaging_conflict(factory_of("rule", rule.name, RULES)(**settings), name)
        if strategy.follows_path:
            reason = path_conflict(strategy.name, name)
        if strategy.own_loop is not None and strategy.takes_gradients:
            reason = loop_conflict(strategy.name, name)
        if reason is not None:
            raise UserError(f"optimizers[{index}] with {strategy.name} and {rule.name}: {reason}")


def check_groups(study: Study, grid: Sequence[Combination], roots: tuple[Path, ...]) -> None:
    """Build the models of runs whose optimizer has groups, to check that each pattern matches parameters.

    Args:
        study: the study.
        grid: its combinations.
        roots: folders of the data sets.

    Raises:
        UserError: if a group would have no parameters.
    """
    with_groups = {index for index, entry in enumerate(study.optimizers) if entry.groups is not None}
    different = {(entries[0], entries[3]): entries for entries in grid if entries[3] in with_groups}
    for run in runs_of(study, different.values(), study.seeds[:1]):
        from lifelong_lb.data.shape import Shape
        from lifelong_lb.models import build_model
        from lifelong_lb.strategies import check_patterns

        config = run.config
        images = prepared(config.stream, find_source(config.stream, roots))
        channels, height, width = images.train.x.shape[1:]
        size = (channels, height, width)  # the numbers of classes do not change names
        shape = Shape(size, config.stream.length, 2, 1, images.mean, images.std)
        model = build_model(config.model, shape, load_pretrained=False)
        try:
            check_patterns(config.optimizer, [name for name, p in model.named_parameters() if p.requires_grad])
        except UserError as error:
            raise UserError(f"optimizers[{run.entries['optimizers']}].{error}") from None
