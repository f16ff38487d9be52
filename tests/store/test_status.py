"""Status of a result folder."""

from dataclasses import replace

from store.records import FULL, RECORD, STUDY, write

from lifelong_lb.config import parse_study
from lifelong_lb.store import ResultFolder, StudyFile, folder_status


def test_a_folder_with_another_run_counts_as_missing_and_is_replaced(tmp_path):
    folder, file = ResultFolder(tmp_path), StudyFile.of(parse_study({**STUDY, "rules": "none"}))
    folder.write_study(file)
    first, second = file.places
    right = replace(RECORD, run=first.run, config=file.expected_config(first.run), accuracy=FULL)
    write(folder, replace(right, config={**right.config, "seed": 7}))
    write(folder, replace(RECORD, run=second.run, config=file.expected_config(second.run)))
    status = folder_status(folder)
    assert status.counts == {"missing": 2}
    for line, reason in zip(status.troubles, ("a run with seed 7, not 0", "2 experiences, not 5"), strict=True):
        assert f"it holds {reason}" in line
    write(folder, right)
    assert folder.read_run(first.run, 0) == right
    assert folder_status(folder).counts == {"missing": 1, "done": 1}
