"""Reasons why optimizers that evaluate an average of the weights cannot be combined with something."""


def slow_weights_conflict(rule: str, optimizer: str) -> str:
    """Reason why a rule that interpolates between weights cannot be applied to such an optimizer.

    Args:
        rule: name of the rule.
        optimizer: name of an optimizer that evaluates other weights than it trains.

    Returns:
        A sentence.
    """
    return (
        f"{rule} interpolates between weights, and cannot be applied to {optimizer}, which keeps an "
        "average of the weights that would not follow; use a rule without slow weights, such as SAM"
    )


def path_conflict(owner: str, optimizer: str) -> str:
    """Reason why a strategy that measures the path of the weights cannot use such an optimizer.

    Args:
        owner: the strategy or plugin.
        optimizer: name of an optimizer that evaluates other weights than it trains.

    Returns:
        A sentence.
    """
    return (
        f"{owner} adds up how far the weights move in each iteration, and {optimizer} evaluates other weights than "
        "those it trains, so that both take different paths; use another optimizer"
    )


def loop_conflict(strategy: str, optimizer: str) -> str:
    """Reason why a strategy with its own training loop cannot use such an optimizer.

    Args:
        strategy: name of the strategy.
        optimizer: name of an optimizer that evaluates other weights than it trains.

    Returns:
        A sentence.
    """
    return (
        f"{strategy} moves weights itself, and cannot be trained with {optimizer}, which keeps an average of the "
        "weights that would not follow; use another optimizer"
    )
