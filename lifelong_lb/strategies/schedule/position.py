"""Position of a strategy in its stream, in experiences of the stream, not chunks of an online stream."""

from typing import Any

from avalanche.benchmarks import OnlineCLExperience


def experience_number(strategy: Any) -> int:
    """Number of the experience being trained on.

    Args:
        strategy: the Avalanche strategy, while it trains.

    Returns:
        The number from 0; in an online stream, that of the experience that the chunk belongs to.
    """
    experience = strategy.experience
    if isinstance(experience, OnlineCLExperience):
        with experience.no_attribute_masking():
            return int(experience.origin_experience.current_experience)
    return int(strategy.clock.train_exp_counter)


def begins_experience(strategy: Any) -> bool:
    """Whether training is at the start of an experience of the stream.

    Args:
        strategy: the Avalanche strategy, while it trains.

    Returns:
        False only for later chunks of an online experience.
    """
    experience = strategy.experience
    if isinstance(experience, OnlineCLExperience):
        with experience.no_attribute_masking():
            return bool(experience.is_first_subexp)
    return True
