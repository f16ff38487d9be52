"""PDF files that are equal for equal charts: vl-convert numbers fonts and lists resources in any order."""

import re

_REFERENCE = re.compile(rb"\b(\d+) 0 R\b")
_RESOURCES = re.compile(rb"(?<=<<\n)(?: +/\w+ \d+ 0 R\n){2,}(?= *>>)")
_IN_USE = re.compile(rb"(\d{10}) \d{5} n ?\r?$")
_TABLE = re.compile(rb"xref\n0 \d+\n((?:\d{10} \d{5} [nf][^\n]*\n)+)trailer\n(.*)startxref\n\d+\n%%EOF\s*$", re.DOTALL)


def in_order(pdf: bytes) -> bytes:
    """Sort the resources of a PDF file by name, and number its objects in the order in which they are referred to.

    Args:
        pdf: a file with a plain table of its objects, as vl-convert writes it.

    Returns:
        The same document; a file of any other structure as it is.
    """
    start = pdf.rfind(b"xref\n0 ")
    table = _TABLE.match(pdf, start) if start >= 0 else None
    if table is None:
        return pdf
    lines = list(map(_IN_USE.match, table[1].splitlines()))
    offsets = {number: int(line[1]) for number, line in enumerate(lines) if line is not None}
    begins = sorted([*offsets.values(), start])
    ends = dict(zip(begins, begins[1:], strict=False))
    objects = {number: _parts(pdf[offset : ends[offset]]) for number, offset in offsets.items()}
    new = _numbers(table[2], {number: head for number, (head, _) in objects.items()})
    if new is None:
        return pdf
    content, places = pdf[: begins[0]], []
    for number in new:
        head, stream = objects[number]
        places.append(len(content))
        content += b"%d %b%b" % (new[number], _renumbered(head, new), stream)
    listed = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = re.sub(rb"/Size \d+", b"/Size %d" % (len(new) + 1), _renumbered(table[2], new))
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(new) + 1)
    return content + head + listed + b"trailer\n%bstartxref\n%d\n%%%%EOF" % (trailer, len(content))


def _parts(text: bytes) -> tuple[bytes, bytes]:
    """An object without its number, its resources in order, and the stream behind it."""
    head, keyword, stream = text.partition(b"\nstream\n")
    head = _RESOURCES.sub(lambda entries: b"".join(sorted(entries[0].splitlines(keepends=True))), head)
    return head.partition(b" ")[2], keyword + stream


def _numbers(trailer: bytes, heads: dict[int, bytes]) -> dict[int, int] | None:
    """New number of each object by its old one, depth first from the trailer; None if an object is missing."""
    new: dict[int, int] = {}
    waiting = _references(trailer)[::-1]
    while waiting:
        number = waiting.pop()
        if number in new:
            continue
        if number not in heads:
            return None
        new[number] = len(new) + 1
        waiting += _references(heads[number])[::-1]
    return new


def _references(text: bytes) -> list[int]:
    return list(map(int, _REFERENCE.findall(text)))


def _renumbered(text: bytes, new: dict[int, int]) -> bytes:
    return _REFERENCE.sub(lambda reference: b"%d 0 R" % new[int(reference[1])], text)
