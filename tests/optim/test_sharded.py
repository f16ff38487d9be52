"""Every rule over a model that is sharded over two processes, against the same steps in one process."""

import socket

import pytest
import torch.multiprocessing as mp
from helpers.sharded_training import MADE, PROCESSES, work


@pytest.mark.slow
def test_sharded_models_take_the_same_steps():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with mp.Manager() as manager:
        differences = manager.dict()
        mp.spawn(work, args=(port, differences), nprocs=PROCESSES)
        found = dict(differences)
    for name in MADE:
        difference, moved = found[0, name]
        assert difference < 1e-5, name
        assert moved > 0.01, name
    assert "SAM cannot be used with FullyShardedDataParallel" in found[1, "flat"]
    assert "fully_shard" in found[1, "flat"]
