"""Steps of the same update rules in other packages, to be timed beside ours.

Needs ``pip install pytorch-optimizer infty``; the published code of Lookbehind-SAM is a file, ``lookbehind.py`` of
https://github.com/chandar-lab/Lookbehind-SAM. What is not there is left out.
"""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch
from torch import nn
from torch.optim import SGD

Closure = Callable[[], torch.Tensor]
Step = Callable[[], object]
LR = 1e-3


def steps(model: nn.Module, closure: Closure, lookbehind: Path | None) -> dict[tuple[str, str], Step]:
    """Return (our rule, other package) to one step of that package over the closure's minibatch."""
    found = {("none", "torch"): _plain(closure, SGD(model.parameters(), lr=LR))}
    found |= dict(_pytorch_optimizer(model, closure))
    found |= dict(_infty(model, closure))
    if lookbehind is not None:
        found |= dict(_published(_load(lookbehind), model, closure))
    return found


def _plain(closure: Closure, optimizer: torch.optim.Optimizer) -> Step:
    def step() -> None:
        closure()
        optimizer.step()

    return step


def _pytorch_optimizer(model: nn.Module, closure: Closure) -> Iterator[tuple[tuple[str, str], Step]]:
    if importlib.util.find_spec("pytorch_optimizer") is None:
        return
    import pytorch_optimizer as package  # noqa: PLC0415
    from pytorch_optimizer.lr_scheduler.proportion import ProportionScheduler  # noqa: PLC0415

    for name, foreach in (("pytorch_optimizer", None), ("pytorch_optimizer, foreach", True)):
        kinds = {
            "sam": lambda f=foreach: package.SAM(model.parameters(), SGD, lr=LR, foreach=f),
            "asam": lambda f=foreach: package.SAM(model.parameters(), SGD, adaptive=True, lr=LR, foreach=f),
            "looksam": lambda f=foreach: package.LookSAM(model.parameters(), SGD, k=5, lr=LR, foreach=f),
            "friendly-sam": lambda f=foreach: package.FriendlySAM(model.parameters(), SGD, lr=LR, foreach=f),
        }
        for rule, make in kinds.items():
            yield (rule, name), _first_pass_outside(closure, make())
        radius = ProportionScheduler(SimpleNamespace(last_lr=[LR]), LR, max_value=0.05)
        gsam = package.GSAM(model.parameters(), SGD(model.parameters(), lr=LR), model, radius, foreach=foreach)
        yield ("gsam", name), _outputs_and_loss(closure, gsam)
    lookahead = package.Lookahead(SGD(model.parameters(), lr=LR), k=5, alpha=0.5)
    yield ("lookahead", "pytorch_optimizer"), _plain(closure, lookahead)


def _first_pass_outside(closure: Closure, optimizer: torch.optim.Optimizer) -> Step:
    def step() -> None:
        closure()
        optimizer.step(closure)

    return step


def _outputs_and_loss(closure: Closure, optimizer: torch.optim.Optimizer) -> Step:
    def both() -> tuple[None, torch.Tensor]:
        with torch.enable_grad():
            return None, closure()

    return lambda: optimizer.step(both)


def _infty(model: nn.Module, closure: Closure) -> Iterator[tuple[tuple[str, str], Step]]:
    if importlib.util.find_spec("infty") is None:
        return
    from infty import optim as package  # noqa: PLC0415

    kinds = {
        "sam": (package.SAM, {}, False),
        "asam": (package.SAM, {}, True),
        "gsam": (package.GSAM, {}, False),
        "looksam": (package.LookSAM, {"k": 5, "alpha": torch.tensor(0.7)}, False),
        "gam": (package.GAM, {}, False),
        "c-flat": (package.C_Flat, {}, False),
    }
    for rule, (kind, settings, adaptive) in kinds.items():
        base = SGD(model.parameters(), lr=LR)
        optimizer = kind(model.parameters(), base, model, {"rho": 0.05, **settings}, adaptive=adaptive)
        yield (rule, "infty"), _outputs_and_loss(closure, optimizer)


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("published_lookbehind", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _published(package: ModuleType, model: nn.Module, closure: Closure) -> Iterator[tuple[tuple[str, str], Step]]:
    def base() -> SGD:
        return SGD(model.parameters(), lr=LR)

    for rule, kind in (("sam", package.SAM), ("asam", package.ASAM)):
        yield (rule, "published code"), _ascents_and_descents(closure, kind(base(), model, rho=0.05), 1)
    kinds = {
        "lookbehind-sam": (package.LookbehindSAM, 2, 0.5),
        "lookbehind-asam": (package.LookbehindASAM, 2, 0.5),
        "lookbehind-sam k=5": (package.LookbehindSAM, 5, 0.5),
        "lookbehind-sam adaptive": (package.LookbehindSAM, 2, -1),
    }
    for rule, (kind, k, alpha) in kinds.items():
        yield (
            (rule, "published code"),
            _ascents_and_descents(closure, kind(base(), model, rho=0.05, k_steps=k, alpha=alpha), k),
        )


def _ascents_and_descents(closure: Closure, minimizer: object, k: int) -> Step:
    def step() -> None:
        for _ in range(k):
            closure()
            minimizer.ascent_step()
            closure()
            minimizer.descent_step()

    return step
