"""Two processes on halves of each minibatch train as one process on the whole."""

import pytest
import torch
import torch.multiprocessing
from helpers.parallel_recipes import CASES, PROCESSES, work
from helpers.recipes import by_hand, check, make_loader, make_model

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parallel")
    torch.multiprocessing.spawn(work, (str(folder),), nprocs=PROCESSES)
    return folder


@pytest.mark.parametrize("number", range(len(CASES)), ids=lambda number: "-".join(map(str, CASES[number])))
def test_two_processes(folder, number):
    _, name, clip_norm = CASES[number]
    expected = by_hand(name, make_loader(), model=make_model(batch_norm=False), clip_norm=clip_norm)
    for rank in range(PROCESSES):
        result = torch.load(folder / f"{number}-{rank}.pt")
        assert isinstance(result, dict), result
        model = make_model(batch_norm=False)
        model.load_state_dict(result)
        check(model, expected)


def test_fsdp_1_is_refused(folder):
    for rank in range(PROCESSES):
        assert "shard the model with torch.distributed.fsdp.fully_shard" in torch.load(folder / f"FSDP1-{rank}.pt")
