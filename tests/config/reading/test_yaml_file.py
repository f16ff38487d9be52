"""Invalid study files and options give one message and no traceback."""

import pytest

from lifelong_lb.config import UserError, read_study


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends: "a\\0b"', "{}:1: extends: must be the path of a study file, or a list of them; got 'a\\x00b'"),
        ('imports: ["a\\0b.py"]\nstreams: split-digits', "{}:1: imports: must be a module"),
        (
            "streams: split-digits\nimports: exits.py",
            "{}:2: imports[0]: {}/exits.py cannot be imported: it exits when it is imported (SystemExit: 7)",
        ),
        ("rules: [none", "{}:1: not YAML: while parsing a flow sequence that begins on line 1, expected ',' or ']'"),
        ("rules: \x07", "{}:1: not YAML: the character '\\x07' is not allowed"),
        ("train: &t {train: *t}", "{}: an alias makes a mapping or list contain itself"),
        (
            "\n".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 100)}]" for a, b in ("ab", "bc", "cd")).replace("*a", "1"),
            "{}: more than 300,000 values through aliases",
        ),
    ],
)
def test_files_that_cannot_be_read(tmp_path, text, message):
    (tmp_path / "exits.py").write_text("import sys\nsys.exit(7)\n")
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_study(path)
    assert str(error.value).startswith(message.replace("{}", str(path), 1).replace("{}", str(tmp_path)))
    assert "unicode string" not in str(error.value)
