"""Freeze a backbone except for the part that is trained."""

import re
from importlib.util import find_spec

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from lifelong_lb.config import UserError, unknown_name
from lifelong_lb.config.entries.models import WITHOUT_PEFT, Lora

SEQUENCES = (nn.Sequential, nn.ModuleList)
NORM_LAYERS = (_BatchNorm, _InstanceNorm, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)


class PartlyTrained(nn.Module):
    """A backbone of which a part is trained.

    Layers with frozen parameters stay in eval mode, so that BatchNorm normalises by frozen statistics. So do layers
    without parameters, such as dropout, that come before the first trained parameter.

    Args:
        model: the backbone, its frozen parameters without ``requires_grad``.

    Attributes:
        feature_size: number of features.
        statistics: mean and standard deviation per channel of the images it was pretrained on; None if unknown.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.feature_size: int = model.feature_size  # type: ignore[assignment]
        self.statistics = getattr(model, "statistics", None)
        self.train()

    def train(self, mode: bool = True) -> "PartlyTrained":
        """Set the mode of the trained part.

        Args:
            mode: True for train mode, False for eval mode.

        Returns:
            This module.
        """
        super().train(mode)
        has_begun = False
        for module in self.model.modules():
            has_begun |= any(p.requires_grad for p in module.parameters(recurse=False))
            if any(p.requires_grad for p in module.parameters()):
                continue
            has_state = isinstance(module, NORM_LAYERS) or any(True for _ in module.parameters())
            module.training &= has_begun and not has_state
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features of images.

        Args:
            x: ``(B, C, H, W)``.

        Returns:
            ``(B, feature_size)``.
        """
        features: Tensor = self.model(x)
        return features


def partly_trained(model: nn.Module, tune: str, lora: Lora | None = None) -> PartlyTrained:
    """Freeze a backbone except for a part.

    Args:
        model: the backbone; modified.
        tune: ``head`` for none of it, ``norm``, ``last-block`` or ``lora``.
        lora: settings of low-rank adapters, for ``lora``.

    Returns:
        The backbone with frozen parameters.

    Raises:
        UserError: if it has no such part, or peft is not installed.
    """
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if tune == "norm":
        trained = [p for module in model.modules() if isinstance(module, NORM_LAYERS) for p in module.parameters()]
        if not trained:
            raise UserError("tune: norm: the backbone has no normalisation layers with parameters; use tune: head")
    else:
        trained = last_block(model) if tune == "last-block" else []
    for parameter in trained:
        parameter.requires_grad_(True)
    if tune == "lora":
        assert lora is not None
        _add_adapters(model, lora)
    return PartlyTrained(model)


def last_block(model: nn.Module) -> list[nn.Parameter]:
    """Parameters of the last block of a backbone, and of all layers after it.

    The last block is the last item with parameters of the last ``Sequential`` or ``ModuleList`` with parameters; a
    sequence within a sequence is followed.

    Args:
        model: the backbone.

    Returns:
        Parameters, in the order of the model.

    Raises:
        UserError: if the backbone has no sequence of blocks.
    """
    name, block, inside = "", model, False
    while not inside or isinstance(block, SEQUENCES):
        children = [(key, child) for key, child in block.named_children() if any(True for _ in child.parameters())]
        inside = isinstance(block, SEQUENCES)
        if not inside:
            sequences = [pair for pair in children if isinstance(pair[1], SEQUENCES)]
            children = sequences or (children if len(children) == 1 else [])
        if not children:
            raise UserError("tune: last-block: the backbone has no sequence of blocks; use tune: head or norm")
        key, block = children[-1]
        name += f"{key}."
    named = list(model.named_parameters())
    start = next(index for index, (key, _) in enumerate(named) if key.startswith(name))
    return [parameter for _, parameter in named[start:]]


def _add_adapters(model: nn.Module, lora: Lora) -> None:
    if find_spec("peft") is None:
        raise UserError(WITHOUT_PEFT)
    from peft import LoraConfig, inject_adapter_in_model

    named = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    if lora.targets is None:
        linear = [name for name, module in named if isinstance(module, nn.Linear)]
        names = linear or [name for name, module in named if getattr(module, "groups", 1) == 1]
    else:
        names = [name for name, _ in named if any(f".{name}".endswith(f".{target}") for target in lora.targets)]
        for target in lora.targets:
            if not any(f".{name}".endswith(f".{target}") for name in names):
                ends = dict.fromkeys(name.rpartition(".")[2] for name, _ in named)
                raise UserError(f"lora.targets: {unknown_name('layer', target, ends)}")
    if not names:
        raise UserError("tune: lora: the backbone has no linear layers and no convolutions; use tune: norm or head")
    pattern = "|".join(map(re.escape, names))
    settings = {"r": lora.rank, "lora_alpha": lora.alpha or lora.rank, "target_modules": pattern}
    try:
        inject_adapter_in_model(LoraConfig(**settings), model)
    except (AssertionError, AttributeError, RuntimeError, TypeError, ValueError) as error:
        # peft builds adapters by the constructors of the layers' classes; that of a user's class may be different
        classes = ", ".join(sorted({type(module).__qualname__ for name, module in named if name in set(names)}))
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"tune: lora: peft cannot adapt layers of {classes}: {reason}; name other layers in lora.targets"
        ) from None
