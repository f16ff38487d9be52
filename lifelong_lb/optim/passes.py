"""Treatment of BatchNorm statistics, dropout masks and non-finite gradients in the passes of a step."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, get_args

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.nn.utils import parametrize

from lifelong_lb.devices import generator_state, set_generator_state
from lifelong_lb.hyperparameters import BatchNormUpdates, DropoutMasks
from lifelong_lb.optim.checks import one_of, positive

NON_FINITE = ("raise", "ignore")


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Treatment of BatchNorm, dropout and non-finite gradients in the passes of a step; an option of every rule.

    Args:
        batch_norm: which passes update BatchNorm's running statistics. ``"first"``: only the first, which most rules
            take at unperturbed weights, so the statistics average over as many minibatches as without a rule, at
            weights near those that are evaluated. ``"all"``: every pass, also at perturbed weights, as in the code of
            most papers. ``"recomputed"``: as ``"first"``, and the training loop recomputes them at the end, see
            :func:`recomputed_statistics`; inside Avalanche :class:`lifelong_lb.strategies.SharpnessAwarePlugin` does so
            after each experience. Training is the same with all three, because a layer in train mode normalises by the
            minibatch.
        dropout: ``"same"``: every pass repeats the random numbers of the first one, so that ascent and descent use the
            same loss, and a step consumes as many random numbers as without a rule. ``"fresh"``: each pass draws new
            ones, as in the code of most papers.
        non_finite: ``"raise"``: a gradient with a non-finite norm raises :class:`NonFiniteGradientError` before the
            base optimizer uses it, and the weights from before the step are restored; on an accelerator, whose host
            has to wait for a check, one before the last base step is for all gradients. ``"ignore"``: no check.
        clip_norm: largest Euclidean norm, over all parameters together, of the gradient of each base step, > 0; a
            longer one is scaled down. Ascents use gradients that are not clipped. None for no limit. Clipping in the
            training loop would reach only the last of several base steps.

    Raises:
        ValueError: for any other value.
    """

    batch_norm: str = "first"
    dropout: str = "same"
    non_finite: str = "raise"
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        one_of("batch_norm", self.batch_norm, get_args(BatchNormUpdates))
        one_of("dropout", self.dropout, get_args(DropoutMasks))
        one_of("non_finite", self.non_finite, NON_FINITE)
        if self.clip_norm is not None:
            positive("clip_norm", self.clip_norm)


class NonFiniteGradientError(ArithmeticError):
    """A gradient holds infinities or NaN, or its norm is too large for its floating-point type."""

    def __init__(self, norm: float) -> None:
        super().__init__(f"the gradient is not finite (norm {norm}); the weights are those before this step")


class RandomState:
    """State of the random generators that a pass may use: of the CPU, and of each given device.

    Args:
        devices: devices of the parameters.
    """

    def __init__(self, devices: set[torch.device]) -> None:
        self.devices = devices
        self._cpu = torch.get_rng_state()
        others = [device for device in devices if device.type not in ("cpu", "meta")]
        self._others = [(device, generator_state(device)) for device in others]

    def restore(self) -> None:
        """Restore the state of the generators."""
        torch.set_rng_state(self._cpu)
        for device, state in self._others:
            set_generator_state(device, state)


@contextmanager
def drawn_again(random: RandomState) -> Iterator[None]:
    """Use a random state within the block, then restore the generators.

    Args:
        random: the state to start from.

    Yields:
        None.
    """
    now = RandomState(random.devices)
    random.restore()
    try:
        yield
    finally:
        now.restore()


def forget_cached_weights() -> None:
    """Drop copies of weights that torch keeps while autocast or ``parametrize.cached()`` is active.

    Without this, a pass at other weights would use the copies of an earlier pass.
    """
    torch.clear_autocast_cache()
    parametrize._cache.clear()


@contextmanager
def statistics_kept(layers: Sequence[nn.Module] | None = None) -> Iterator[None]:
    """Freeze the running statistics of normalisation layers within the block.

    Layers in train mode still normalise by the minibatch.

    Args:
        layers: the layers, from :func:`layers_with_statistics`. None for every layer that this thread calls; they
            are detected by a hook, which makes each call of a module a little slower.

    Yields:
        None.
    """
    changed: list[tuple[nn.Module, str, Any]] = []
    hook = None
    if layers is None:
        thread = threading.get_ident()

        def freeze(module: nn.Module, inputs: Any) -> None:
            if threading.get_ident() != thread:
                return
            if isinstance(module, _KEEPS_STATISTICS):
                _keep(module, changed)
            elif hasattr(module, "_orig_mod"):  # compiled: the calls within are not seen
                for layer in layers_with_statistics(module.modules()):
                    _keep(layer, changed)

        hook = register_module_forward_pre_hook(freeze)
    else:
        for layer in layers:
            _keep(layer, changed)
    try:
        yield
    finally:
        if hook is not None:
            hook.remove()
        for module, name, value in changed:
            setattr(module, name, value)


_KEEPS_STATISTICS = (_BatchNorm, _InstanceNorm)


def layers_with_statistics(modules: Iterable[nn.Module]) -> list[nn.Module]:
    """Layers that may keep running statistics.

    Args:
        modules: all modules of a model.

    Returns:
        The BatchNorm and InstanceNorm layers among them.
    """
    return [module for module in modules if isinstance(module, _KEEPS_STATISTICS)]


def _keep(module: nn.Module, changed: list[tuple[nn.Module, str, Any]]) -> None:
    if module.training and module.track_running_stats:
        # BatchNorm updates its statistics only if it tracks them; InstanceNorm always does
        name, value = ("track_running_stats", False) if isinstance(module, _BatchNorm) else ("momentum", 0.0)
        if getattr(module, name) != value:
            changed.append((module, name, getattr(module, name)))
            setattr(module, name, value)


@contextmanager
def recomputed_statistics(model: nn.Module) -> Iterator[None]:
    """Recompute a model's BatchNorm statistics as the mean over the forward passes within the block.

    For layers in train mode, without gradients; their momenta are restored afterwards. Like
    ``torch.optim.swa_utils.update_bn``, for any way to call the model::

        with recomputed_statistics(model):
            for x, _ in loader:
                model(x)

    Args:
        model: any module; one without BatchNorm is not changed.

    Yields:
        None.
    """
    layers = {
        module: module.momentum
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats and module.training
    }
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative mean
    try:
        with torch.no_grad():
            yield
    finally:
        for layer, momentum in layers.items():
            layer.momentum = momentum
