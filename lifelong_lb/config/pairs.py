"""Entries that do not work together, each for a reason that can be told before anything runs."""

from lifelong_lb.config.models import ModelEntry
from lifelong_lb.config.optimizers import OptimizerEntry
from lifelong_lb.config.rules import RuleEntry
from lifelong_lb.config.strategies import (
    DER,
    ERAML,
    GSS,
    STRATEGY_ENTRIES,
    DERPlusPlus,
    ICaRL,
    LaMAML,
    LwF,
    Replay,
    StrategyEntry,
)
from lifelong_lb.config.streams import DealtStream, StreamEntry
from lifelong_lb.config.train import Train


def why_not(strategy: StrategyEntry, stream: StreamEntry, model: ModelEntry, train: Train) -> str | None:
    """Why a strategy cannot learn a stream.

    Args:
        strategy: the strategy.
        stream: the stream.
        model: the stream's model, its head explicit.
        train: the stream's training settings.

    Returns:
        A sentence; None when nothing speaks against it.
    """
    if stream.scenario not in strategy.scenarios:
        return f"{strategy.name} works with {' or '.join(strategy.scenarios)} streams; got {stream.scenario}"
    if stream.chunk is not None and not strategy.online:
        able = ", ".join(name for name, entry in STRATEGY_ENTRIES.items() if entry.online)
        return f"{strategy.name} would take each chunk of an online stream for a task (can: {able})"
    if stream.chunk is not None and isinstance(strategy, Replay) and strategy.memory == "experience-balanced":
        return (
            "replay with an experience-balanced memory would share it out over the chunks of an online stream "
            "(choose memory: class-balanced or reservoir)"
        )
    if isinstance(strategy, ICaRL) and isinstance(stream, DealtStream) and stream.blurry:
        return f"icarl takes the classes of each experience for new ones, so blurry must be 0; got {stream.blurry:g}"
    if model.head not in strategy.heads:
        return f"{strategy.name} needs one of the heads {', '.join(strategy.heads)}; got {model.head!r}"
    if strategy.own_loop is not None and train.match == "gradients":
        return (
            f"train.match: gradients shares out the passes of ordinary training steps, and {strategy.name} takes "
            "others; match steps or seconds"
        )
    return _settings_that_do_not_fit(strategy, stream, train)


def why_not_by(strategy: StrategyEntry, rule: RuleEntry) -> str | None:
    """Why a strategy cannot be trained by a rule.

    Args:
        strategy: the strategy.
        rule: the rule.

    Returns:
        A sentence; None when nothing speaks against it.
    """
    if strategy.follows_path and rule.keeps_weights():
        return (
            f"{strategy.name} adds up how far the weights move in each iteration, and {rule.name} keeps fast and slow "
            "weights over several minibatches, so that what they move within one is another path"
        )
    if strategy.replays_aside and rule.batch_norm == "recomputed":
        return (
            f"{strategy.name} draws replayed images beside the minibatches over which batch_norm: recomputed would "
            f"recompute statistics after {rule.name}; use first or all"
        )
    if strategy.own_loop is None:
        return None
    if rule.name != "none":
        return (
            f"{strategy.name} goes with the rule none only, not with {rule.name}: {strategy.own_loop}, so that no "
            "rule can take part in its steps; use rules: none for it, or another strategy"
        )
    if rule.batch_norm == "recomputed" and not strategy.takes_gradients:
        return f"{strategy.name} leaves the model as it is, so batch_norm: recomputed must not change its statistics"
    return None


def why_not_on(strategy: StrategyEntry, optimizer: OptimizerEntry) -> str | None:
    """Why a strategy cannot be trained on a base optimizer.

    Args:
        strategy: the strategy.
        optimizer: the base optimizer.

    Returns:
        A sentence; None when nothing speaks against it.
    """
    if strategy.own_loop is None:
        return None
    if optimizer.takes_passes:
        return (
            f"{optimizer.called} takes passes of its own in the optimizer step of an ordinary training loop, which "
            f"{strategy.name} does not have"
        )
    if strategy.steps_optimizer():
        return None
    able = " unless it has sync_update: true" if isinstance(strategy, LaMAML) else ""
    acts = {"a schedule": optimizer.schedule is not None, "state: reset": optimizer.state == "reset"}
    for what, given in acts.items():
        if given:
            return f"{strategy.name} never steps its base optimizer{able}, so that {what} would change nothing"
    return None


def _settings_that_do_not_fit(strategy: StrategyEntry, stream: StreamEntry, train: Train) -> str | None:
    """Why a strategy with these settings of its own cannot."""
    if isinstance(strategy, DER | DERPlusPlus):
        minibatch = strategy.batch_size_mem or train.batch_size
        if minibatch > strategy.mem_size:
            return (
                f"{strategy.name} needs a mem_size of at least its batch_size_mem (by default train.batch_size), else "
                f"nothing is ever replayed; got {strategy.mem_size} and {minibatch}"
            )
    if isinstance(strategy, ERAML) and stream.classes is not None and strategy.mem_size < stream.classes:
        return (
            f"er-aml draws from every class in its memory, so mem_size must be at least the {stream.classes} classes; "
            f"got {strategy.mem_size}"
        )
    if isinstance(strategy, GSS) and (train.random_crop or train.random_flip):
        return "gss keeps images as it trains on them, which random_crop and random_flip would then change once more"
    if isinstance(strategy, LwF) and isinstance(strategy.alpha, tuple) and len(strategy.alpha) != stream.experiences:
        return f"lwf needs one alpha an experience, {stream.experiences} of them; got {len(strategy.alpha)}"
    return None
