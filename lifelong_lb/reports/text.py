"""Grammar of messages."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def plural(word: str, number: int) -> str:
    """Return a noun in the singular or plural.

    Args:
        word: the noun in the singular; its plural ends in s.
        number: the count.

    Returns:
        The noun, without the number.
    """
    return word if number == 1 else f"{word}s"


def number_word(number: int) -> str:
    """Write a count in a sentence.

    Args:
        number: the count.

    Returns:
        A word up to twelve, digits above.
    """
    return _NUMBERS[number] if number < len(_NUMBERS) else str(number)
