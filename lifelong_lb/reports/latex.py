"""The summary as a LaTeX table, to be used with an input command in a document that loads booktabs."""

import textwrap
import unicodedata

import pandas as pd

from lifelong_lb.reports.results import Results
from lifelong_lb.reports.summary import verdict
from lifelong_lb.reports.tables import (
    BOLD,
    SPREAD,
    UNITS,
    Section,
    best_means,
    constants,
    definitions,
    readable_table,
    sections,
)

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
    "[": "{[}",  # after a row's end, LaTeX would take these two for an option of it
    "*": "{*}",
    "±": r"\ensuremath{\pm}",
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


def escape(text: str) -> str:
    r"""Make LaTeX print a text as it is.

    Args:
        text: any text.

    Returns:
        ASCII that every LaTeX can print: accents as commands, small Greek letters as mathematics, any other
        character as its code point.

    Example:
        >>> print(escape("sam_50% <b> ρ"))
        sam\_50\% \textless{}b\textgreater{} \ensuremath{\rho}
    """
    return "".join(_escape_char(char) for char in unicodedata.normalize("NFC", text))


def summary_latex(results: Results, summary: pd.DataFrame) -> str:
    """The summary as a LaTeX table with caption, definitions and verdict.

    Args:
        results: what a folder's runs have to say.
        summary: the table made of them.

    Returns:
        A ``table`` environment; a comment when there are no rows.
    """
    if summary.empty:
        return "% no runs\n"
    remarks = [f"% {escape(problem)}" for problem in results.problems]
    name = results.study.study.name if results.study else "Results"
    constant, best = constants(summary), best_means(summary)
    notes = [SPREAD, UNITS, *(f"{definition}." for definition in definitions()), *([BOLD] if best else [])]
    parts = sections(summary, readable_table(summary))
    titles = list(parts[0].rows[0][2])
    return "\n".join([
        r"% needs \usepackage{booktabs}; about 15 cm wide",
        *remarks,
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(f'{name} ({constant}).' if constant else f'{name}.')}}}",
        r"\scriptsize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(titles)}@{{}}}}",
        r"\toprule",
        " & ".join(["rule", *map(latex_heading, titles)]) + r" \\",
        *(line for part in parts for line in _section_lines(part, best)),
        r"\bottomrule",
        r"\end{tabular}",
        r"\par\medskip",
        rf"\parbox{{\linewidth}}{{\raggedright {escape(' '.join([*notes, verdict(results)]))}}}",
        r"\end{table}",
        "",
    ])


def _section_lines(section: Section, best: set[tuple[int, str]]) -> list[str]:
    lines = [r"\midrule"]
    if section.heading:
        columns = 1 + len(section.rows[0][2])
        lines.append(rf"\multicolumn{{{columns}}}{{@{{}}l}}{{\emph{{{escape(section.heading)}}}}} \\")
    for index, rule, cells in section.rows:
        numbers = [latex_number(text, bold=(index, column) in best) for column, text in cells.items()]
        lines.append(" & ".join([escape(rule), *numbers]) + r" \\")
    return lines


def latex_heading(title: str) -> str:
    """A column's heading, broken into lines where it is long.

    Args:
        title: plain text.

    Returns:
        LaTeX.
    """
    lines = textwrap.wrap(title, 12)
    return r"\shortstack[r]{" + r" \\ ".join(map(escape, lines)) + "}" if len(lines) > 1 else escape(title)


def latex_number(text: str, *, bold: bool) -> str:
    """A cell of a readable table.

    Args:
        text: such as ``"0.812 ± 0.013"``.
        bold: whether the mean is to be bold.

    Returns:
        LaTeX.
    """
    mean, plus_minus, std = text.partition(" ± ")
    if text == "-":
        return "--"
    if not plus_minus:
        return rf"\textbf{{{text}}}" if bold else text.replace("-", "$-$")
    return rf"$\mathbf{{{mean}}}_{{\pm {std}}}$" if bold else rf"${mean}_{{\pm {std}}}$"


def _escape_char(char: str) -> str:
    if char in _SPECIAL:
        return _SPECIAL[char]
    if char.isascii():
        return char if char.isprintable() else " "
    parts = unicodedata.normalize("NFD", char)
    if len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS:
        return rf"{_ACCENTS[parts[1]]}{{{parts[0]}}}"
    prefix, _, greek = unicodedata.name(char, "").partition(" LETTER ")
    if prefix == "GREEK SMALL" and greek.lower() in _GREEK:
        return rf"\ensuremath{{\{_GREEK[greek.lower()]}}}"
    return rf"{{[}}U+{ord(char):04X}]" if char.isprintable() else " "
