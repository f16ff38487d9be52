"""Small words."""


def plural(word: str, number: int) -> str:
    """A noun for a number of things.

    Args:
        word: the noun, whose plural takes an s.
        number: how many.

    Returns:
        The noun.
    """
    return word if number == 1 else f"{word}s"
