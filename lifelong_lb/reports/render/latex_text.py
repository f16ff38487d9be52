"""Text for LaTeX: escaped characters, and formulas as mathematics."""

import re
import unicodedata

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",  # at the start of a row, [ and * would be read as arguments of the preceding \\
    "*": "{*}",
    "±": r"\ensuremath{\pm}",
    "†": r"\ensuremath{\dagger}",
    "−": r"\ensuremath{-}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
}
_ACCENTS = {
    "\u0300": r"\`",
    "\u0301": r"\'",
    "\u0302": r"\^",
    "\u0303": r"\~",
    "\u0308": r"\"",
    "\u030a": r"\r",
    "\u0327": r"\c",
    "\u030c": r"\v",
}
_GREEK_LETTERS = (
    "alpha, beta, gamma, delta, epsilon, zeta, eta, theta, iota, kappa, mu, nu, xi, pi, rho, sigma, tau, upsilon, "
    "phi, chi, psi, omega"
)
_GREEK = {name: name for name in _GREEK_LETTERS.split(", ")}
_GREEK["lamda"] = "lambda"  # as Unicode spells it


def latex_escaped(text: str) -> str:
    r"""Escape a text for LaTeX.

    Args:
        text: any text.

    Returns:
        ASCII text for any LaTeX engine: accents as commands, small Greek letters as mathematics, other characters as
        their code points.

    Example:
        >>> print(latex_escaped("sam_50% <b> ρ"))
        sam\_50\% \textless{}b\textgreater{} \ensuremath{\rho}
    """
    return "".join(_escape_char(char) for char in unicodedata.normalize("NFC", text))


def latex_label(text: str) -> str:
    r"""Format a label or caption: escaped, with settings as mathematics.

    Args:
        text: any text.

    Returns:
        LaTeX.

    Example:
        >>> print(latex_label("Lookbehind-SAM, k = 2, \u03b1 = 0.5"))
        Lookbehind-SAM, $k=2$, $\alpha=0.5$
    """
    return _with_mathematics(text, _SETTING)


def latex_prose(text: str) -> str:
    r"""Format a note: escaped, with formulas as mathematics.

    Args:
        text: plain text.

    Returns:
        LaTeX.

    Example:
        >>> print(latex_prose("mean over j < T-1 of R[T-1, j] - R[j, j]"))
        mean over $j<T-1$ of $R_{T-1, j}$ $-$ $R_{j, j}$
    """
    return _with_mathematics(text, _FORMULA)


_GREEK_OR_K = "[kα-ω]"
_SETTING = re.compile(rf"(?<!\w){_GREEK_OR_K} ?= ?-?\d[\d.]*(?:e-?\d+)?(?!\w)|[±†]")
_FORMULA = re.compile(
    "|".join([
        r"[A-Z]\[[^\]]*\]",  # R[T-1, j]
        r"(?<![\w.])[A-Za-z]\*?_[a-z](?!\w)",  # R*_j
        r"(?<![\w.])[A-Za-z](?:-1)? (?:<=|>=|<|>) \w+(?:\.\d+)?(?:-1)?",  # j < T-1
        r"(?<![\w.])[nT] ?- ?1(?!\w)",
        r"(?<![\w.'-])[ijklnT](?![\w'-])",
        r"(?<=[\])}\w]) - (?=[A-Z]\[)",  # between two terms
        _SETTING.pattern,
    ])
)
_SYMBOLS = {"<=": r"\le ", ">=": r"\ge ", "*": "^*", "±": r"\pm", "†": r"^\dagger"}


def _with_mathematics(text: str, pattern: re.Pattern[str]) -> str:
    parts, end = [], 0
    for match in pattern.finditer(text):
        parts += [latex_escaped(text[end : match.start()]), _mathematics(match[0])]
        end = match.end()
    return "".join([*parts, latex_escaped(text[end:])])


def _mathematics(text: str) -> str:
    if text == " - ":
        return " $-$ "
    inner = re.sub(r"\[(.*)\]", lambda m: "_{" + m[1].replace(".", r"\cdot") + "}", text)
    inner = re.sub(r" ?(<=|>=|[<>=-]) ?", r"\1", inner)
    for plain, symbol in _SYMBOLS.items():
        inner = inner.replace(plain, symbol)
    return "$" + re.sub("[α-ω]", lambda m: _greek(m[0]), inner) + "$"


def _escape_char(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if char.isascii():
        return char if char.isprintable() else " "
    parts = unicodedata.normalize("NFD", char)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return rf"{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    if (greek := _greek(char)) != char:
        return rf"\ensuremath{{{greek}}}"
    return rf"{{[}}U+{ord(char):04X}]" if char.isprintable() else " "


def _greek(char: str) -> str:
    """Command of a small Greek letter; other characters as they are."""
    prefix, _, name = unicodedata.name(char, "").partition(" LETTER ")
    return rf"\{_GREEK[name.lower()]}" if prefix == "GREEK SMALL" and name.lower() in _GREEK else char
