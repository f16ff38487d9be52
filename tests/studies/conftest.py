"""One tiny study, run once, for the tests that look at what a study leaves behind."""

from types import SimpleNamespace

import pytest
from tiny import command, write_study


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The tiny study after ``run`` with two workers."""
    folder = tmp_path_factory.mktemp("finished")
    study = write_study(folder / "study.yaml")
    done = command("run", study, "--out", folder / "out", "--workers", 2)
    return SimpleNamespace(study=study, out=folder / "out", done=done)
