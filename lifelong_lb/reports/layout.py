"""Layout of a figure's panels by arithmetic, which is faster than matplotlib's layout engines: no text is measured."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lifelong_lb.reports.style import LINE, legend_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Box = tuple[float, float, float, float]
"""Left, bottom, width and height."""

_LEFT, _RIGHT = 0.8, 0.16
"""Left and right margins in inches; the left one contains tick labels and an axis label."""
_NUMBERS_WIDTH, _NUMBERS_HEIGHT = 0.55, 0.26
"""Size of tick labels with their ticks, in inches."""
_LABEL = 0.2
_NARROW = 0.16


@dataclass(frozen=True)
class Layout:
    """Layout of panels; lengths in inches.

    Attributes:
        headings: panel titles, row by row, with line breaks.
        columns: panels per row.
        height: height of a panel.
        width: width of the figure.
        shared: shared axes: ``all``, ``row`` (y axis within a row), or ``none``.
        labelled: panels with a label on the x axis: the ``lowest`` of each column, or ``all``.
        rules: rules in the legend; empty for no legend.
        right: right margin.
    """

    headings: Sequence[str]
    columns: int
    height: float
    width: float
    shared: Literal["all", "row", "none"]
    labelled: Literal["lowest", "all"]
    rules: Sequence[str] = ()
    right: float = _RIGHT

    @classmethod
    def of_squares(cls, headings: Sequence[str], columns: int, side: float, right: float) -> "Layout":
        """Lay out square panels with shared axes, without a legend.

        Args:
            headings: panel titles, row by row.
            columns: panels per row.
            side: width and height of a panel.
            right: right margin.

        Returns:
            The layout.
        """
        width = _LEFT + columns * side + (columns - 1) * _NARROW + right
        return cls(headings, columns, side, width, "all", "lowest", right=right)

    @property
    def panel_width(self) -> float:
        """Width of a panel."""
        return (self.width - _LEFT - self.right - (self.columns - 1) * self._gap) / self.columns

    @property
    def figure_height(self) -> float:
        """Height of the figure, including its legend."""
        return sum(self._head(row) + self.height + self._foot(row) for row in range(self._rows)) + self._below

    def boxes(self) -> Iterator[Box]:
        """Compute the positions of the panels.

        Yields:
            The box of each panel, relative to the lower left corner of the figure.
        """
        top = self.figure_height
        for row in range(self._rows):
            bottom = top - self._head(row) - self.height
            for column in range(len(self._of(row))):
                left = _LEFT + column * (self.panel_width + self._gap)
                yield left, bottom, self.panel_width, self.height
            top = bottom - self._foot(row)

    def names_x(self, index: int) -> bool:
        """Return whether the x axis of a panel has a label.

        Args:
            index: index of the panel.

        Returns:
            True if it has.
        """
        return self.labelled == "all" or index + self.columns >= len(self.headings)

    @property
    def _rows(self) -> int:
        return -(-len(self.headings) // self.columns)

    @property
    def _gap(self) -> float:
        return _NUMBERS_WIDTH if self.shared == "none" else _NARROW

    @property
    def _below(self) -> float:
        return LINE * legend_rows(self.rules, self.width) + 0.14 if self.rules else 0.1

    def _of(self, row: int) -> Sequence[str]:
        return self.headings[row * self.columns : (row + 1) * self.columns]

    def _head(self, row: int) -> float:
        return 0.14 + 0.16 * max(heading.count("\n") + 1 for heading in self._of(row))

    def _foot(self, row: int) -> float:
        named = any(self.names_x(row * self.columns + column) for column in range(self.columns))
        return _NUMBERS_HEIGHT + _LABEL if named else _NUMBERS_HEIGHT * (self.shared != "all")


def create_panels(layout: Layout, xlabels: Sequence[str], ylabel: str) -> "tuple[Figure, list[Axes]]":
    """Create a figure and its panels. Call it within :func:`~lifelong_lb.reports.style.style`.

    Args:
        layout: the layout of the panels.
        xlabels: labels of the x axes, one per column.
        ylabel: label of the y axis of the first panel of each row.

    Returns:
        The figure and its panels, with titles and axis labels.
    """
    from matplotlib.figure import Figure

    size = layout.width, layout.figure_height
    figure = Figure(size)
    panels: list[Axes] = []
    for index, ((left, bottom, width, height), heading) in enumerate(zip(layout.boxes(), layout.headings, strict=True)):
        row, column = divmod(index, layout.columns)
        place = left / size[0], bottom / size[1], width / size[0], height / size[1]
        same_x = panels[0] if panels and layout.shared == "all" else None
        first = {"all": 0, "row": row * layout.columns, "none": index}[layout.shared]
        axes = figure.add_axes(place, sharex=same_x, sharey=panels[first] if first < index else None)
        axes.set_title(heading, y=1)
        named = layout.names_x(index)
        axes.tick_params(labelbottom=named or layout.shared != "all", labelleft=column == 0 or layout.shared == "none")
        name_axes(axes, (width, height), xlabels[column] if named else "", "" if column else ylabel)
        panels.append(axes)
    return figure, panels


def name_axes(axes: "Axes", size: tuple[float, float], xlabel: str, ylabel: str) -> None:
    """Label the axes of a panel, at a fixed distance.

    Args:
        axes: the panel.
        size: its width and height in inches.
        xlabel: label of the x axis; empty for none.
        ylabel: label of the y axis; empty for none.
    """
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.xaxis.set_label_coords(0.5, -_NUMBERS_HEIGHT / size[1])
    axes.yaxis.set_label_coords(-_NUMBERS_WIDTH / size[0], 0.5)
