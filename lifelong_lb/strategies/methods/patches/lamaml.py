"""La-MAML for any model, minibatch and head, from the given initial weights."""

import warnings
from copy import deepcopy
from math import ceil
from typing import Any

import torch
from avalanche.core import SupervisedMetaLearningPlugin
from avalanche.models import MultiTaskModule
from avalanche.training.supervised.lamaml_v2 import LaMAML as AvalanchesLaMAML
from torch import Tensor, nn

from lifelong_lb.strategies.methods.patches.version import check_version
from lifelong_lb.strategies.methods.reservoir import DrawnMemory

Weights = dict[str, Tensor]


class LaMAML(AvalanchesLaMAML):
    """Avalanche's strategy (Gupta et al. 2020, arXiv 2007.13904), with faults of avalanche-lib 0.6.0 fixed.

    There a minibatch that does not divide into ``n_inner_updates`` parts has empty ones: an error if heads or BatchNorm
    need an image, otherwise the last loss counts twice. Images that do not fill a minibatch are dropped, possibly all
    of an experience; models without task labels get some and fail; and the given weights, even pretrained ones, are
    replaced. Here only parts with images count, all images are trained on, and training starts from the given weights.

    Args:
        mem_size: number of images kept.
        batch_size_mem: images drawn per minibatch.
        settings: other arguments of Avalanche's class.
    """

    PLUGIN_CLASS = SupervisedMetaLearningPlugin  # has the hooks that its loop calls
    initial_fast_params: Weights
    loss: Tensor

    def __init__(self, *, mem_size: int, batch_size_mem: int, **settings: Any) -> None:
        check_version("LaMAML")
        given = deepcopy(settings["model"].state_dict())
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Avalanche is transitioning to strategy constructors")
            super().__init__(**settings)
        self.model.load_state_dict(given)
        self.buffer: Any = DrawnMemory(mem_size, batch_size_mem, self.device)

    def make_train_dataloader(self, *args: Any, **kwargs: Any) -> None:
        """Load all images of the experience.

        Args:
            args: passed to Avalanche's method.
            kwargs: passed to Avalanche's method, except ``drop_last``.
        """
        super().make_train_dataloader(*args, **{**kwargs, "drop_last": False})

    def check_model_and_optimizer(self, *args: Any, **kwargs: Any) -> None:
        """Adapt the model, and its learning rates: those of new weights start at ``alpha_init``.

        Args:
            args: passed to Avalanche's method.
            kwargs: passed to Avalanche's method.
        """
        super().check_model_and_optimizer(*args, **kwargs)
        for name, p in self.model.named_parameters():
            key = name.replace(".", "_")
            old = self.alpha_params.get(key, p)
            if old.shape != p.shape:
                grown = torch.full_like(p, self.alpha_init)
                grown[tuple(slice(size) for size in old.shape)] = old.detach()
                self.alpha_params[key] = nn.Parameter(grown)

    def parts_of(self, images: int) -> int:
        """Number of parts of a minibatch with images, i.e. of inner updates.

        Args:
            images: images of the minibatch, >= 1.

        Returns:
            Their number.
        """
        return ceil(images / self._part_size(images))

    def _part_size(self, images: int) -> int:
        return int(ceil(images / self.n_inner_updates))

    def _logits(self, weights: Weights, x: Tensor, t: Tensor) -> Tensor:
        """Outputs of the model with given weights."""
        arguments = (x, t) if isinstance(self.model, MultiTaskModule) else (x,)
        logits: Tensor = torch.func.functional_call(self.model, weights, arguments)
        return logits

    def inner_update_step(self, fast_params: Weights, x: Tensor, y: Tensor, t: Tensor) -> Weights:
        """Take a step along the clipped gradient on a part of the minibatch.

        Args:
            fast_params: weights by name.
            x: images of the part.
            y: labels.
            t: task labels.

        Returns:
            The weights after the step.
        """
        loss = self._criterion(self._logits(fast_params, x, t), y)
        again = {"retain_graph": self.second_order, "create_graph": self.second_order}
        grads = torch.autograd.grad(loss, list(fast_params.values()), allow_unused=True, **again)
        limit = self.grad_clip_norm
        return {
            name: p if grad is None else p - alpha * grad.clamp(-limit, limit)
            for (name, p), alpha, grad in zip(fast_params.items(), self.alpha_params.parameters(), grads, strict=True)
        }

    def _inner_updates(self, **kwargs: Any) -> None:
        self.initial_fast_params = {name: deepcopy(p) for name, p in self.model.named_parameters()}
        fast_params = self.initial_fast_params
        minibatch: tuple[Tensor, ...] = (self.mb_x, self.mb_y, self.mb_task_id)
        mixed = minibatch
        if self.clock.train_exp_counter > 0:
            replayed = self.buffer.get_buffer_batch()
            mixed = tuple(torch.cat(pair) for pair in zip(minibatch, replayed, strict=True))
        self.meta_losses = []
        size = self._part_size(len(self.mb_y))
        for part in zip(*(torch.split(column, size) for column in minibatch), strict=True):
            fast_params = self.inner_update_step(fast_params, *part)
            self.meta_losses.append(self._criterion(self._logits(fast_params, mixed[0], mixed[2]), mixed[1]))

    def _outer_update(self, **kwargs: Any) -> None:
        super()._outer_update(**kwargs)
        self.loss = self.loss.detach()
        self.meta_losses, self.initial_fast_params = [], {}  # which hold their graphs
