"""Everything on the simulated device, which a process registers for good."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import simulated_device

TESTS = Path(__file__).parent / "on_device"


@pytest.mark.slow
@pytest.mark.skipif(simulated_device.why_not() is not None, reason=f"simulated device: {simulated_device.why_not()}")
def test_on_the_simulated_device():
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n0", str(TESTS)]
    environment = {**os.environ, "LIFELONG_LB_TEST_DEVICE": simulated_device.NAME}
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:]
