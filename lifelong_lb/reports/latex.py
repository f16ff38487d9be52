"""The summary as LaTeX tables, to be included in a document that loads booktabs."""

import unicodedata
from collections.abc import Sequence

import pandas as pd

from lifelong_lb.reports.latex_layout import MAX_LINES, heading_lines, label_lines, pages
from lifelong_lb.reports.results import Results
from lifelong_lb.reports.summary import verdict
from lifelong_lb.reports.tables import (
    BOLD,
    SPREAD,
    Section,
    best_means,
    constants,
    definitions,
    readable_table,
    sections,
    units,
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
    "[": "{[}",  # at the start of a row, [ and * would be read as arguments of the preceding \\
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
    r"""Escape a text for LaTeX.

    Args:
        text: any text.

    Returns:
        ASCII text for any LaTeX engine: accents as commands, small Greek letters as mathematics, other characters as
        their code points.

    Example:
        >>> print(escape("sam_50% <b> ρ"))
        sam\_50\% \textless{}b\textgreater{} \ensuremath{\rho}
    """
    return "".join(_escape_char(char) for char in unicodedata.normalize("NFC", text))


def summary_latex(results: Results, summary: pd.DataFrame) -> str:
    """Format the summary as LaTeX tables with caption, definitions and verdict.

    Args:
        results: results of a folder.
        summary: their summary table.

    Returns:
        One ``table`` environment; one or several per stream if the rows do not fit a page; a comment without rows.
    """
    if summary.empty:
        return "% no runs\n"
    best = best_means(summary)
    notes = [SPREAD, units(results), *(f"{definition}." for definition in definitions()), *([BOLD] if best else [])]
    name = results.study.study.name if results.study else "Results"
    tables = [
        float_lines(caption, [_tabular(parts, best)])
        for caption, parts in _on_pages(name, summary, readable_table(summary))
    ]
    tables[-1][-1:-1] = [*note_lines(" ".join([*notes, verdict(results)]))]
    return "\n".join([
        r"% needs \usepackage{booktabs}; about 14 cm wide",
        *(f"% {escape(problem)}" for problem in results.problems),
        *(line for lines in tables for line in lines),
        "",
    ])


def _on_pages(name: str, summary: pd.DataFrame, table: pd.DataFrame) -> list[tuple[str, Sequence[Section]]]:
    """Caption and sections of each table: one table if it fits a page, else one or several per stream."""
    if sum(map(_height, sections(summary, table))) <= MAX_LINES:
        blocks = [summary]
    else:
        blocks = [rows for _, rows in summary.groupby("stream", sort=False)]
    tables: list[tuple[str, Sequence[Section]]] = []
    for rows in blocks:
        constant = constants(rows)
        caption = f"{name} ({constant})." if constant else f"{name}."
        cut = [part for section in sections(rows, table.loc[rows.index]) for part in _cut(section)]
        page_parts = pages(cut, _height)
        tables += [(caption + part_of(i, len(page_parts)), parts) for i, parts in enumerate(page_parts)]
    return tables


def _height(section: Section) -> int:
    return 1 + bool(section.heading) + sum(len(label_lines(rule)) for _, rule, _ in section.rows)


def _cut(section: Section) -> list[Section]:
    """Split a section into pieces that fit a page."""
    size = MAX_LINES // 2
    starts = range(0, len(section.rows), size) if _height(section) > MAX_LINES else [0]
    last = size if len(starts) > 1 else len(section.rows)
    return [Section(section.heading, section.rows[start : start + last]) for start in starts]


def float_lines(caption: str, tabulars: Sequence[Sequence[str]]) -> list[str]:
    """Write a ``table`` environment.

    Args:
        caption: plain text.
        tabulars: lines of its tables, from top to bottom.

    Returns:
        Lines; the last one ends the environment.
    """
    apart = [[r"\par\medskip", *lines] if number else list(lines) for number, lines in enumerate(tabulars)]
    return [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        r"\scriptsize",
        r"\setlength{\tabcolsep}{3pt}",
        *(line for lines in apart for line in lines),
        r"\end{table}",
    ]


def note_lines(text: str) -> list[str]:
    """Write the notes below a table.

    Args:
        text: plain text.

    Returns:
        Lines.
    """
    return [r"\par\medskip", rf"\parbox{{\linewidth}}{{\raggedright {escape(text)}}}"]


def part_of(index: int, count: int) -> str:
    """Number a part of a table, for the end of its caption.

    Args:
        index: index of the part, from 0.
        count: number of parts.

    Returns:
        E.g. ``" Part 1 of 3."``; empty if there is only one part.
    """
    return f" Part {index + 1} of {count}." if count > 1 else ""


def _tabular(parts: Sequence[Section], best: set[tuple[int, str]]) -> list[str]:
    titles = list(parts[0].rows[0][2])
    return [
        rf"\begin{{tabular}}{{@{{}}l{'r' * len(titles)}@{{}}}}",
        r"\toprule",
        " & ".join(["rule", *map(latex_heading, titles)]) + r" \\",
        *(line for part in parts for line in _section_lines(part, best)),
        r"\bottomrule",
        r"\end{tabular}",
    ]


def _section_lines(section: Section, best: set[tuple[int, str]]) -> list[str]:
    lines = [r"\midrule"]
    if section.heading:
        columns = 1 + len(section.rows[0][2])
        lines.append(rf"\multicolumn{{{columns}}}{{@{{}}l}}{{\emph{{{escape(section.heading)}}}}} \\")
    for index, rule, cells in section.rows:
        numbers = [latex_number(text, bold=(index, column) in best) for column, text in cells.items()]
        lines.append(" & ".join([latex_label(rule), *numbers]) + r" \\")
    return lines


def latex_heading(title: str) -> str:
    """Format a column heading, broken into lines if it is long.

    Args:
        title: plain text.

    Returns:
        LaTeX.
    """
    return _stacked(heading_lines(title), "r")


def latex_label(label: str) -> str:
    """Format a row label, broken into lines if it is long.

    Args:
        label: plain text.

    Returns:
        LaTeX.
    """
    return _stacked(label_lines(label), "l")


def _stacked(lines: Sequence[str], side: str) -> str:
    texts = [escape(line) for line in lines]
    return rf"\shortstack[{side}]{{" + r" \\ ".join(texts) + "}" if len(texts) > 1 else "".join(texts)


def latex_number(text: str, *, bold: bool) -> str:
    """Format a cell of a readable table.

    Args:
        text: e.g. ``"0.812 ± 0.013"``.
        bold: whether to print the mean in bold.

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
