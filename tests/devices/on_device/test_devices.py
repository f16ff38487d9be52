"""The calls that differ between kinds of devices."""

import io

import pytest
import torch

from lifelong_lb import devices
from lifelong_lb.config import UserError
from lifelong_lb.strategies import MemoryMeter
from lifelong_lb.studies.devices import devices as chosen


def test_choice(kind):
    names = devices.accelerators()
    assert names[0] == f"{kind}:0"
    assert chosen("auto") == chosen(kind) == names
    assert chosen(f"{kind}:0, {kind}:0") == [f"{kind}:0"] * 2
    with pytest.raises(UserError, match=f"unknown device '{kind}:99'; did you mean '{kind}:"):
        chosen(f"{kind}:99")


def test_current_device(kind):
    last = devices.accelerators()[-1]
    assert devices.activate(last) == kind
    assert str(devices.current(kind)) == str(torch.ones(1, device=kind).device) == last
    assert torch.are_deterministic_algorithms_enabled()
    devices.synchronise(torch.device(kind))
    devices.synchronise(torch.device("cpu"))
    assert devices.model_name(kind)
    assert devices.model_name("cpu") == "cpu"


def test_generators(kind):
    device = devices.current(kind)
    torch.manual_seed(3)
    states = devices.generator_states()
    first = torch.rand(4, device=kind).cpu(), torch.rand(4)
    torch.rand(1, device=kind)
    devices.set_generator_states(states)
    assert torch.equal(torch.rand(4, device=kind).cpu(), first[0])
    assert torch.equal(torch.rand(4), first[1])
    state = devices.generator_state(device)
    torch.rand(4)
    assert torch.equal(devices.generator_state(device), state), "the generator of the CPU is another one"
    own = torch.Generator(device=device).manual_seed(5)
    assert torch.equal(devices.generator_state(device), state)
    assert torch.rand(2, device=kind, generator=own).device.type == kind


def test_peak_memory(kind):
    meter = MemoryMeter(kind, alone=False)
    before = meter.peak()
    held = torch.ones(1_000_000, device=kind)
    del held
    assert 4_000_000 <= meter.peak() - before < 8_000_000


def test_tensors_of_another_device_are_loaded_on_the_current_one(kind):
    file = io.BytesIO()
    torch.save({"x": torch.arange(3, device=devices.accelerators()[-1]), "y": torch.ones(1)}, file)
    file.seek(0)
    loaded = torch.load(file, map_location=devices.to_current)
    assert str(loaded["x"].device) == f"{kind}:0"
    assert loaded["x"].tolist() == [0, 1, 2]
    assert loaded["y"].device.type == "cpu"


def test_pinned_memory(kind):
    pinned = torch.arange(5.0).pin_memory()
    assert devices.can_pin()
    assert pinned.is_pinned()
    assert pinned.to(kind, non_blocking=True).tolist() == [0, 1, 2, 3, 4]
