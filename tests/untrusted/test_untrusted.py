import json
import os
import time

import pytest

from lifelong_lb.untrusted import encodable, parse_json, printable, quoted, read_bytes, read_text


def test_a_fifo_or_a_device_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    begun = time.monotonic()
    for name in ("pipe", "zero"):
        with pytest.raises(ValueError, match=f"{name} is not a regular file"):
            read_bytes(tmp_path / name)
    with pytest.raises((OSError, ValueError)):
        read_bytes(tmp_path)
    assert time.monotonic() - begun < 2


def test_what_is_too_large_is_refused_and_a_sparse_file_fills_no_memory(tmp_path):
    (tmp_path / "small").write_bytes(b"12345")
    assert read_bytes(tmp_path / "small", 5) == b"12345"
    with pytest.raises(ValueError, match="small is larger than"):
        read_bytes(tmp_path / "small", 4)
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ValueError, match="sparse is larger than 1 MiB"):
        read_bytes(tmp_path / "sparse", 2**20)


def test_bytes_that_are_not_utf8_are_shown_and_links_to_files_are_followed(tmp_path):
    (tmp_path / "a").write_bytes(b"caf\xe9\r\nend\r")
    (tmp_path / "b").symlink_to("a")
    assert read_text(tmp_path / "b") == "caf\\xe9\nend\n"


@pytest.mark.parametrize("text", ["[" * 200_000, "[" * 41 + "]" * 41, '{"a":' * 41 + "1" + "}" * 41])
def test_json_nested_too_deep_is_refused(text):
    with pytest.raises(ValueError, match="nested deeper than 40 levels"):
        parse_json(text)


def test_json_nested_as_deep_as_allowed_is_read():
    text = "[" * 40 + "]" * 40
    assert parse_json(text) == json.loads(text)


def test_lone_surrogates_become_writable_in_keys_and_values_and_pairs_stay():
    found = parse_json(r'{"\ud800k": ["\uDFFF", "\ud83d\ude42"]}')
    assert found == {"\\ud800k": ["\\udfff", "\N{SLIGHTLY SMILING FACE}"]}
    json.dumps(found, ensure_ascii=False).encode("utf-8")


def test_integers_of_many_digits_are_an_error_and_no_minutes():
    with pytest.raises(ValueError, match="digits"):
        parse_json("9" * 100_000)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
        ("a\rb", "a\\rb"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("no\u00a0break", "no\u00a0break"),
        ("\u2028", "\\u2028"),
    ],
)
def test_a_terminal_shows_and_does_not_act(text, shown):
    assert printable(text) == shown
    assert encodable(printable(text)) == printable(text)


def test_one_line_stays_one_line():
    assert printable("a\nb\tc", lines=False) == "a\\nb\\tc"


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**7,
        b"z" * 10**7,
        list(range(10**6)),
        {i: i for i in range(10**6)},
        [["y" * 10**6] * 100] * 100,
        10**4000,
    ],
    ids=["text", "bytes", "list", "mapping", "nested", "number"],
)
def test_quotes_are_short_and_look_at_the_first_items_only(value):
    begun = time.process_time()
    assert 0 < len(quoted(value)) <= 80
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(
    "value",
    [
        "sam",
        0.05,
        [1, 2],
        {"a": [1, None]},
        True,
        None,
        (1, 2),
        10**20,
        {
            "b",
        },
    ],
)
def test_what_is_short_is_quoted_whole(value):
    assert quoted(value) == repr(value)


@pytest.mark.parametrize("digits", [160, 1000, 5001])
def test_digits_of_large_numbers_are_counted(digits):
    assert quoted(10 ** (digits - 1)) == quoted(-(10**digits - 1)) == f"a whole number of {digits} digits"
