"""Devices and their assignment to workers."""

import pytest
import torch

from lifelong_lb.config import UserError
from lifelong_lb.devices import read_states
from lifelong_lb.studies.devices import devices
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.options import RunOptions


@pytest.fixture
def three(monkeypatch):
    monkeypatch.setattr("lifelong_lb.devices.accelerators", lambda: ["cuda:0", "cuda:1", "cuda:2"])


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("cpu", ["cpu"]),
        ("auto", ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda", ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda:1", ["cuda:1"]),
        ("cuda:2, cuda:0", ["cuda:2", "cuda:0"]),
    ],
)
def test_devices(three, wanted, found):
    assert devices(wanted) == found


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("gpu", "(known: auto, cpu, cuda, cuda:0, cuda:1, cuda:2)"),
        ("cuda:0,cpu", "unknown device 'cuda:0,cpu'"),
        ("cudo:0", "unknown device 'cudo:0'; did you mean 'cuda:0'"),
        ("xpu:0", "device xpu:0: torch finds no xpu device on this machine; use cpu or cuda or auto"),
        ("cuda:3", "unknown device 'cuda:3'; did you mean 'cuda:2'"),
    ],
)
def test_devices_that_are_not_there(three, wanted, message):
    with pytest.raises(UserError) as caught:
        devices(wanted)
    assert message in str(caught.value)


def test_a_machine_without_accelerator(monkeypatch):
    monkeypatch.setattr("lifelong_lb.devices.accelerators", list)
    assert devices("auto") == ["cpu"]
    for wanted in ("cuda", "cuda:0", "mps"):
        with pytest.raises(
            UserError, match=f"device {wanted}: torch finds no .* device on this machine; use cpu or auto"
        ):
            devices(wanted)


def test_generators_of_a_checkpoint(monkeypatch):
    """New states, and those of early checkpoints, whose CUDA devices this machine may not have."""
    state = torch.get_rng_state()
    other = state.clone()
    assert read_states({"torch": {"cpu": state}})["cpu"] is state
    assert read_states({"torch": state, "cuda": []}) == {"cpu": state}
    assert read_states({"torch": state, "cuda": [other]}) == {"cpu": state}
    monkeypatch.setattr("lifelong_lb.devices.accelerators", lambda: ["cuda:0", "cuda:1"])
    monkeypatch.setattr("lifelong_lb.devices.current", lambda kind: torch.device(kind, 1))
    found = read_states({"torch": state, "cuda": [state, other]})
    assert found["cpu"] is state
    assert found["cuda"] is other
    assert read_states({"torch": state, "cuda": [state]}) == {"cpu": state}


def test_workers_and_their_devices(three, monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.executors.resources.cores", lambda: 8)
    assert Limits.of(RunOptions(device="cpu")).workers == 8
    assert Limits.of(RunOptions(device="cpu", workers=3)).workers == 3
    assert Limits.of(RunOptions(device="cuda:0,cuda:1")).workers == 2
    shared = Limits.of(RunOptions(device="cuda:0,cuda:1", workers=5))
    assert [shared.device(i) for i in range(5)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]
