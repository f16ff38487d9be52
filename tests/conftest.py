"""Shared fixtures."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.tiny_study import command, write_study


@pytest.fixture(autouse=True, scope="session")
def _temporary_cache(tmp_path_factory):
    os.environ["LIFELONG_LB_CACHE"] = str(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def cache() -> Path:
    """Cache folder of prepared images in this test session."""
    return Path(os.environ["LIFELONG_LB_CACHE"])


@pytest.fixture(scope="session")
def finished(tmp_path_factory, _temporary_cache):
    """The tiny study after ``run`` with two workers."""
    folder = tmp_path_factory.mktemp("finished")
    study = write_study(folder / "study.yaml")
    done = command("run", study, "--out", folder / "out", "--workers", 2)
    return SimpleNamespace(study=study, out=folder / "out", done=done)


@pytest.fixture
def copied(finished, tmp_path):
    """A copy of the finished study, and its run folders."""
    shutil.copytree(finished.out, tmp_path / "out")
    runs = sorted(path for path in (tmp_path / "out" / "runs").iterdir() if not path.name.startswith("."))
    return SimpleNamespace(study=finished.study, out=tmp_path / "out", runs=runs)
