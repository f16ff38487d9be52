"""Devices and their assignment to workers."""

import pytest
import torch

from lifelong_lb.config import UserError
from lifelong_lb.studies.devices import devices
from lifelong_lb.studies.executors.resources import Limits
from lifelong_lb.studies.options import RunOptions


@pytest.fixture
def three(monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)


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
        ("gpu", "unknown device 'gpu'.*, or CUDA devices, e.g. cuda:0,cuda:1"),
        ("cuda:0,cpu", "unknown device 'cuda:0,cpu'"),
        ("cuda:3", "unknown device 'cuda:3'; did you mean 'cuda:2'"),
    ],
)
def test_devices_that_are_not_there(three, wanted, message):
    with pytest.raises(UserError, match=message):
        devices(wanted)


def test_a_machine_without_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert devices("auto") == ["cpu"]
    for wanted in ("cuda", "cuda:0"):
        with pytest.raises(UserError, match=f"device {wanted}: torch finds no CUDA device on this machine"):
            devices(wanted)


def test_workers_and_their_devices(three, monkeypatch):
    monkeypatch.setattr("lifelong_lb.studies.executors.resources.cores", lambda: 8)
    assert Limits.of(RunOptions(device="cpu")).workers == 8
    assert Limits.of(RunOptions(device="cpu", workers=3)).workers == 3
    assert Limits.of(RunOptions(device="cuda:0,cuda:1")).workers == 2
    shared = Limits.of(RunOptions(device="cuda:0,cuda:1", workers=5))
    assert [shared.device(i) for i in range(5)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]
