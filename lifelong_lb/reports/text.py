"""Grammar of messages."""


def plural(word: str, number: int) -> str:
    """Return a noun in the singular or plural.

    Args:
        word: the noun in the singular; its plural ends in s.
        number: the count.

    Returns:
        The noun, without the number.
    """
    return word if number == 1 else f"{word}s"
