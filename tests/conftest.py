"""Shared fixtures, and the marker ``slow``: every test that starts a Python process or a browser has it."""

import os
import shutil
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace

import hypothesis
import pytest
from helpers.tiny_study import command, write_study

SLOW_FIXTURES = {"finished", "copied", "chromium"}
"""Fixtures that start a process; tests that use them are marked in :func:`pytest_collection_modifyitems`."""
RUNNING: list[pytest.Item] = []

hypothesis.settings.register_profile("any load", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("any load")  # a busy machine is no fault of a test


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark tests slow whose fixtures start a process."""
    for item in items:
        if SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """Remember which test runs."""
    RUNNING[:] = [item]
    return (yield)


def check_marker():
    """Fail a test that starts a Python process without the marker ``slow``."""
    if RUNNING and RUNNING[0].get_closest_marker("slow") is None:
        pytest.fail("this test starts a Python process: mark it with @pytest.mark.slow")


def audit(event, arguments):
    if event == "subprocess.Popen" and sys.executable in map(str, arguments[1]):
        check_marker()


@pytest.fixture(autouse=True, scope="session")
def _processes_are_slow():
    sys.addaudithook(audit)
    start = BaseProcess.start

    def checked(process):
        check_marker()
        start(process)

    BaseProcess.start = checked
    yield
    BaseProcess.start = start


@pytest.fixture(autouse=True, scope="session")
def _temporary_cache(tmp_path_factory):
    os.environ["LIFELONG_LB_CACHE"] = str(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(autouse=True)
def _registered_names():
    """Forget what a test registers, also by reading results of an extension."""
    from lifelong_lb.config.plugins.register import EXTENSIONS, KINDS

    registries = [EXTENSIONS, *KINDS.values()]
    before = [dict(registry) for registry in registries]
    yield
    for registry, content in zip(registries, before, strict=True):
        for key in set(registry) - set(content):
            del registry[key]


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
