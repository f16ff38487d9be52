"""Files of a run: damage is detected when they are read."""

import pytest
from store.records import RECORD, write

from lifelong_lb.store import DamagedRunError, ResultFolder


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("result.json", "{"),
        ("result.json", '{"status": "perfect"}'),
        ("result.json", '{"status": "done", "colour": "red"}'),
        ("config.json", ""),
        ("config.json", "{}"),
        ("config.json", '{"stream": 3}'),
        ("environment.json", "5"),
        ("result.json", '{"status": "done", "experiences": null}'),
        ("result.json", '{"status": "done", "experiences": 3}'),
        ("accuracy.csv", ""),
        ("accuracy.csv", "trained,evaluated,accuracy\n"),
        ("accuracy.csv", "trained,evaluated,accuracy\n1,0,0.5\n1,1,7\n"),
        ("accuracy.csv", "trained,evaluated,accuracy\n1,0,0.5\n1,9,0.7\n"),
        ("accuracy.csv", "\0\0"),
        ("accuracy.csv", "trained,evaluated\n0,0\n"),
        ("accuracy.csv", "trained,evaluated,accuracy\n0,0,high\n"),
    ],
)
def test_damage_is_noticed(tmp_path, file, content):
    folder = ResultFolder(tmp_path)
    write(folder, RECORD)
    (folder.run_path("abc") / file).write_text(content)
    with pytest.raises(DamagedRunError, match="abc"):
        folder.read_run("abc")
