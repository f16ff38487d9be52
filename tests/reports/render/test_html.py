"""Tables in HTML."""

import re
from html.parser import HTMLParser

from reports.hand_tables import HOSTILE, PLAIN, hostile

from lifelong_lb.reports.render.html import LONG, html_table
from lifelong_lb.reports.tables.styled import Cell, Column, Group, StyledTable


class Tags(HTMLParser):
    """Names of the tags, and the text."""

    def __init__(self, text):
        super().__init__()
        self.names, self.text = set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)

    def handle_data(self, data):
        self.text += data


def test_by_hand():
    text = html_table(PLAIN)
    assert "<caption><span>split-digits, SGD: mean ± sample standard deviation over 6 seeds</span></caption>" in text
    higher = '<span class="direction">higher is better</span>'
    assert f'<th scope="col" data-first="descending">average accuracy, % {higher}</th>' in text
    assert '<td data-sort="0.85"><b>85.0</b> <span class="sd">± 0.4</span><sup>*</sup></td>' in text
    assert '<td data-sort="-0.099">−9.9 <span class="sd">± 10.4</span></td>' in text
    assert '<td data-sort="0.09">9.0 <span class="sd">± 1.2</span><sup>†</sup></td>' in text
    assert "<td>-</td>" in text  # a dash has no number to sort by
    assert '<th scope="rowgroup" colspan="4"><span>DER++</span></th>' in text
    assert "differs from plain SGD; p &lt;= 0.05." in text


def test_a_small_table_has_no_caption_and_no_notes():
    text = html_table(PLAIN, small=True)
    assert 'class="small"' in text
    for words in ("<caption", "better", "differs from"):
        assert words not in text


def test_hostile_labels_are_text():
    tags = Tags(str(html_table(hostile())))
    known = {"div", "table", "caption", "span", "thead", "tbody", "tr", "th", "td", "b", "wbr", "p", "sup"}
    assert tags.names <= known
    assert HOSTILE[1] in tags.text
    assert "\x1b" not in tags.text


def test_long_tables_scroll_in_a_box():
    rows = [[Cell(str(i)), Cell("1", value=i)] for i in range(LONG + 1)]
    columns = [Column("rule", kind="label"), Column("n")]
    assert 'class="scroll table long"' in html_table(StyledTable("t", "t", columns, [Group("", rows)]))
    assert 'class="scroll table"' in html_table(StyledTable("t", "t", columns, [Group("", rows[1:])]))
    assert len(re.findall("<tbody>", html_table(PLAIN))) == 2
