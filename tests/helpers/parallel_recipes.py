"""The page's recipes for several processes, executed in two processes of this machine."""

from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.fsdp import FullyShardedDataParallel

from helpers.recipes import THREE, make_loader, make_model, make_optimizer, make_rule, run
from lifelong_lb.optim import Passes

PROCESSES = 2
CASES = [(title, name, None) for title in ("DistributedDataParallel", "DDP with no_sync", "FSDP2") for name in THREE]
CASES += [(title, name, 0.1) for title in ("DistributedDataParallel", "FSDP2") for name in THREE]
"""Recipe, rule, and norm to clip at."""


def work(rank, folder):
    """Train with every recipe and rule on this process's half of each minibatch; save weights, or what was raised."""
    store = f"file://{Path(folder) / 'store'}"
    dist.init_process_group("gloo", timeout=timedelta(minutes=1), init_method=store, rank=rank, world_size=PROCESSES)
    for number, case in enumerate(CASES):
        try:
            result = trained(*case, rank)
        except Exception as error:  # noqa: BLE001  the other recipes are tried, too
            result = repr(error)
        torch.save(result, Path(folder) / f"{number}-{rank}.pt")
    torch.save(refusal_of_fsdp_1(), Path(folder) / f"FSDP1-{rank}.pt")
    dist.destroy_process_group()


def trained(title, name, clip_norm, rank):
    model = make_model(batch_norm=False)
    loader = [(x.chunk(PROCESSES)[rank], y.chunk(PROCESSES)[rank]) for x, y in make_loader()]
    optimizer = make_optimizer(model.named_parameters())
    run(title, model=model, optimizer=optimizer, rule=make_rule(name, Passes(clip_norm=clip_norm)), loader=loader)
    return {key: gathered(value) for key, value in model.state_dict().items()}


def refusal_of_fsdp_1():
    """Message of a step on a model in FullyShardedDataParallel."""
    model = FullyShardedDataParallel(make_model(batch_norm=False), use_orig_params=True, device_id=torch.device("cpu"))
    try:
        run(
            "Pass by pass",
            model=model,
            optimizer=make_optimizer(model.parameters()),
            rule=make_rule("sam"),
            loader=make_loader(),
        )
    except ValueError as error:
        return str(error)
    return "no refusal"


def gathered(value):
    return value.full_tensor() if hasattr(value, "full_tensor") else value
