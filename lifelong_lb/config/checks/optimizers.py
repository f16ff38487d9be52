"""Check the base optimizers of a study against its rules."""

from typing import TYPE_CHECKING, Any

from lifelong_lb.averaging import slow_weights_conflict
from lifelong_lb.config.checks.selections import meeting
from lifelong_lb.config.entries.optimizer_base import OptimizerEntry
from lifelong_lb.config.entries.optimizers import External
from lifelong_lb.config.problems import Problems

if TYPE_CHECKING:
    from lifelong_lb.config.checks.selections import Combinations


def check_optimizers(parts: dict[str, Any], selected: "Combinations", problems: Problems) -> None:
    """Check the targets of external optimizers, and that optimizers and rules are compatible.

    Args:
        parts: the study's axes.
        selected: the combinations that the study asks for.
        problems: receives the problems.
    """
    together = meeting(selected, "rules", "optimizers")
    for index, optimizer in enumerate(parts["optimizers"]):
        path = f"optimizers[{index}]"
        if isinstance(optimizer, External) and "target" not in optimizer.model_fields_set:
            problems.add(path, "needs a target: the dotted name of a class, e.g. torch.optim.Adagrad")
        rules = [rule for rule, meets in zip(parts["rules"], together[:, index], strict=True) if meets]
        rule = next((rule for rule in rules if rule.name != "none"), None) if optimizer.takes_passes else None
        if rule is not None:
            problems.add(
                path,
                f"{optimizer.called} evaluates the loss itself and cannot be combined with the rule {rule.name}; "
                "run it in a separate study with rules: none, into the same folder",
            )
        if optimizer.schedule is None:
            for place, (follower, meets) in enumerate(zip(parts["rules"], together[:, index], strict=True)):
                if meets and follower.rho_follows is not None:
                    sentence = f"follows the learning rate, but {path} has no schedule; add one, or give rho a number"
                    problems.add(f"rules[{place}].rho", sentence)
        slow = next((rule for rule in rules if rule.interpolates() or rule.keeps_weights()), None)
        if optimizer.averages and slow is not None:
            problems.add(path, slow_weights_conflict(slow.name, optimizer.called))
        uphill = next((rule for rule in rules if rule.name not in ("none", "lookahead")), None)
        if _maximises(optimizer) and (uphill or getattr(optimizer, "closure", False)):
            taken = f"the rule {uphill.name} ascends" if uphill else "closure: true allows ascent steps"
            problems.add(path, f"must not have maximize: true because {taken}, and both would maximize the loss")


def _maximises(optimizer: OptimizerEntry) -> bool:
    return any(isinstance(one, External) and one.settings.get("maximize") for one in optimizer.variants())
