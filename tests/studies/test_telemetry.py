"""No command contacts a host that the user has not named."""

import os
import subprocess
import sys
from importlib.util import find_spec

import pytest
from helpers import TESTS
from helpers.tiny_study import TINY, command, commands, write_study

pytestmark = pytest.mark.slow

SMALL = {**TINY, "strategies": "naive", "rules": "sam", "seeds": 1}
TUNING = {
    "trials": 1,
    "held_out": {"seeds": [100], "first_experiences": 2, "validation": 0.2},
    "search": {"sam": {"rho": [0.01, 0.1]}},
}
LOGGERS = [name for name in ("tensorboard", "wandb", "mlflow") if find_spec(name) is not None]


@pytest.fixture
def refused(tmp_path):
    return tmp_path / "refused"


@pytest.fixture
def environment(tmp_path, refused):
    """One in which connections beyond this machine are refused and noted, and nothing switches them off."""
    for_tests = os.pathsep.join([f"{TESTS}/helpers/offline", TESTS, os.environ.get("PYTHONPATH", "")])
    switches = (
        "DO_NOT_TRACK",
        "TELEMETRY",
        "USAGE_STATS",
        "ERROR_REPORTING",
        "WANDB_",
        "OFFLINE",
        "TRACKING",
        "PYTEST",
        "GITHUB",
    )
    kept = {
        key: value for key, value in os.environ.items() if not any(switch in key for switch in (*switches, "MLFLOW"))
    }
    kept.pop("CI", None)
    return {**kept, "PYTHONPATH": for_tests, "REFUSED": str(refused), "HOME": str(tmp_path)}


def test_a_connection_is_noted(environment, refused):
    code = "import socket; socket.create_connection(('telemetry.example.com', 443))"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False)
    assert done.returncode == 1
    assert "telemetry.example.com" in refused.read_text()


def test_run_landscape_report_and_estimate_stay_here(environment, refused, tmp_path):
    models = {"save_models": True, "landscape": {"images": 8, "measures": ["ball"]}}
    study = write_study(tmp_path / "s.yaml", **{**SMALL, "evaluation": models})
    out = tmp_path / "out"
    loggers = [word for name in LOGGERS for word in ("--logger", name)]
    done = commands(
        ("validate", study, "--estimate"),
        ("run", study, "--out", out, "--workers", 1, *loggers),
        ("landscape", out, "--set", "images=4"),
        ("report", out),
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    assert not refused.exists(), refused.read_text()
    (log,) = out.glob("runs/*/log.txt")
    assert "has failed" not in log.read_text()


def test_tuning_stays_here(environment, refused, tmp_path):
    pytest.importorskip("optuna")
    study = write_study(tmp_path / "s.yaml", **SMALL, tuning=TUNING)
    done = command("tune", study, "--out", tmp_path / "out", "--workers", 1, env=environment)
    assert done.returncode == 0, done.stderr
    assert not refused.exists(), refused.read_text()
