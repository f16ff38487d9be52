"""The device of the tests in this folder: the simulated one, or e.g. cuda (LIFELONG_LB_TEST_DEVICE)."""

import os
import warnings

import pytest
import simulated_device
import torch

KIND = os.environ["LIFELONG_LB_TEST_DEVICE"]
torch.backends.cudnn.allow_tf32 = False  # convolutions with the precision of the CPU

if KIND == simulated_device.NAME:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's builder of extensions
        simulated_device.install()


@pytest.fixture(scope="session")
def kind():
    return KIND


@pytest.fixture(autouse=True)
def _first_device(kind):
    """Undo what a run changes in its process."""
    yield
    torch.use_deterministic_algorithms(False)
    if hasattr(torch.get_device_module(kind), "set_device"):
        torch.get_device_module(kind).set_device(0)


@pytest.fixture
def counts(kind):
    """Function that returns what has crossed between device and host since its last call."""
    if kind != simulated_device.NAME:
        pytest.skip("only the simulated device counts what crosses to the host")
    torch.sim.reset_counts()

    def since():
        found = {name: n for name, n in torch.sim.counts().items() if n and name != "to_device_async"}
        torch.sim.reset_counts()
        return found

    return since
