"""Untrusted input: files read within limits, and texts shown without control characters."""

from lifelong_lb.untrusted.files import MAX_BYTES, open_regular, read_bytes, read_text
from lifelong_lb.untrusted.json_text import MAX_DEPTH, parse_json
from lifelong_lb.untrusted.text import (
    QUOTED_CHARACTERS,
    begins_like_a_formula,
    encodable,
    error_message,
    path_text,
    printable,
    quoted,
    reason_text,
    shortened,
)

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "QUOTED_CHARACTERS",
    "begins_like_a_formula",
    "encodable",
    "error_message",
    "open_regular",
    "parse_json",
    "path_text",
    "printable",
    "quoted",
    "read_bytes",
    "read_text",
    "reason_text",
    "shortened",
]
