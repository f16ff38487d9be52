"""Where a strategy is in its stream, counted in the stream's own experiences, whatever chunks they arrive in."""

from typing import Any

from avalanche.benchmarks import OnlineCLExperience


def experience_number(strategy: Any) -> int:
    """Which experience of the stream is being trained on.

    Args:
        strategy: the Avalanche strategy, while it trains.

    Returns:
        0 for the first. In an online stream, that of the experience which the chunk belongs to.
    """
    experience = strategy.experience
    if isinstance(experience, OnlineCLExperience):
        with experience.no_attribute_masking():
            return int(experience.origin_experience.current_experience)
    return int(strategy.clock.train_exp_counter)


def begins_experience(strategy: Any) -> bool:
    """Whether what is being trained on is the beginning of an experience of the stream.

    Args:
        strategy: the Avalanche strategy, while it trains.

    Returns:
        False for the later chunks of an online experience only.
    """
    experience = strategy.experience
    if isinstance(experience, OnlineCLExperience):
        with experience.no_attribute_masking():
            return bool(experience.is_first_subexp)
    return True
