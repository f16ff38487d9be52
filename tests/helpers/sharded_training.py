"""Steps of every rule over a model that is sharded over processes, for a child process."""

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from lifelong_lb.optim import RULES, SAM, LookbehindSAM

MADE = {
    **RULES,
    "lookbehind-adaptive": lambda: LookbehindSAM(k=2, alpha="adaptive"),
    "lookbehind-adaptive-global": lambda: LookbehindSAM(k=2, alpha="adaptive-global"),
    "lookbehind-switching": lambda: LookbehindSAM(k=2, minibatch_switching=True),
}
PROCESSES = 2


def made():
    """A model whose layers are not divisible by the number of processes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 3))
    return model, [p.detach().clone() for p in model.parameters()]


def minibatches(part=slice(None)):
    draw = torch.Generator().manual_seed(1)
    for _ in range(3):
        x, y = torch.randn(8, 4, generator=draw), torch.randint(0, 3, (8,), generator=draw)
        yield x[part], y[part]


def train(rule, model, data):
    optimizer = SGD(model.parameters(), lr=0.3, momentum=0.9)
    for x, y in data:

        def closure(x=x, y=y):
            loss = cross_entropy(model(x), y)
            loss.backward()
            return loss

        rule.step(optimizer, closure, model)
    rule.synchronise()


def apart(first, second):
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))


def work(rank, port, differences):
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", rank=rank, world_size=PROCESSES)
    mesh = init_device_mesh("cpu", (PROCESSES,))
    for name, make in MADE.items():
        sharded, start = made()
        for layer in (sharded[0], sharded[2], sharded):
            fully_shard(layer, mesh=mesh)
        train(make(), sharded, minibatches(slice(4 * rank, 4 * rank + 4)))
        plain, _ = made()
        train(make(), plain, minibatches())
        gathered = [p.full_tensor().detach() for p in sharded.parameters()]
        expected = [p.detach() for p in plain.parameters()]
        differences[rank, name] = apart(gathered, expected), apart(start, expected)
    flat = FullyShardedDataParallel(made()[0], device_id=torch.device("cpu"))
    try:
        SAM().step(SGD(flat.parameters(), lr=0.1), lambda: flat(torch.ones(1, 4)).sum())
    except ValueError as error:
        differences[rank, "flat"] = str(error)
    dist.destroy_process_group()
