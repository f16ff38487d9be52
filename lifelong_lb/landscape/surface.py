"""The loss over fixed images as a function of a model's weights, looked at without touching the model."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

Loss = Callable[[Tensor, Tensor], Tensor]
"""From a model's output and the labels to the mean loss over a batch, a scalar."""


@dataclass(frozen=True)
class Batch:
    """Some images with their labels.

    Attributes:
        inputs: what the model is called with, such as images, or images and task labels; each ``(B, ...)``.
        y: int64 ``(B,)``.
    """

    inputs: tuple[Tensor, ...]
    y: Tensor

    def split(self, size: int) -> list["Batch"]:
        """Cut it into consecutive batches.

        Args:
            size: images a batch, >= 1; the last batch may have fewer.

        Returns:
            The batches, in order.
        """
        parts = zip(*(torch.split(tensor, size) for tensor in (*self.inputs, self.y)), strict=True)
        return [Batch(tuple(part[:-1]), part[-1]) for part in parts]


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Let a model be in eval mode for a while; each of its modules is then in the mode it was in before.

    Args:
        model: the model.

    Yields:
        None.
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


class Surface:
    """L(w), the mean loss over all images of some batches, for any values w of a model's trainable parameters.

    The model is called in eval mode, so that BatchNorm uses its running statistics and dropout does nothing, and with
    other tensors in place of its parameters and buffers: neither these nor ``.grad`` nor its mode change.

    Args:
        model: the model.
        batches: at least one.
        loss: mean over a batch; batches of unequal size are weighted by their number of images.

    Attributes:
        names: names of the trainable parameters.
        weights: copies of their values, w.

    Raises:
        ValueError: without batches, images or trainable parameters.
    """

    def __init__(self, model: nn.Module, batches: Sequence[Batch], loss: Loss) -> None:
        trainable = {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
        self._images = sum(len(batch.y) for batch in batches)
        if not trainable:
            raise ValueError("the model has no trainable parameters")
        if not self._images:
            raise ValueError("the loss is a mean over images; got none")
        self._model, self._batches, self._loss = model, [b for b in batches if len(b.y)], loss
        self._buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        self.names, self.weights = list(trainable), list(trainable.values())

    def loss(self, point: Sequence[Tensor]) -> float:
        """L at a point.

        Args:
            point: one tensor a trainable parameter.

        Returns:
            The mean loss over all images.
        """
        with torch.no_grad(), in_eval_mode(self._model):
            return math.fsum(float(self._weighted_loss(batch, point)) for batch in self._batches)

    def loss_and_gradient(self, point: Sequence[Tensor]) -> tuple[float, list[Tensor]]:
        """L and its gradient at a point.

        Args:
            point: one tensor a trainable parameter.

        Returns:
            The mean loss, and one tensor a parameter; zero where the loss does not depend on it.
        """
        losses, total = [], [torch.zeros_like(p) for p in point]
        with torch.enable_grad(), in_eval_mode(self._model):
            leaves = [p.detach().requires_grad_() for p in point]
            for batch in self._batches:
                loss = self._weighted_loss(batch, leaves)
                torch._foreach_add_(total, torch.autograd.grad(loss, leaves, materialize_grads=True))
                losses.append(float(loss.detach()))
        return math.fsum(losses), total

    def hessian_vector_product(self, point: Sequence[Tensor], vector: Sequence[Tensor]) -> list[Tensor]:
        """The Hessian of L at a point, times a vector: the gradient of g . v.

        Args:
            point: one tensor a trainable parameter.
            vector: v, likewise.

        Returns:
            H v, likewise.
        """
        total = [torch.zeros_like(p) for p in point]
        with torch.enable_grad(), in_eval_mode(self._model), sdpa_kernel(SDPBackend.MATH):  # others have no second one
            leaves = [p.detach().requires_grad_() for p in point]
            for batch in self._batches:
                loss = self._weighted_loss(batch, leaves)
                grads = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
                directional = torch.stack([(g * v).sum() for g, v in zip(grads, vector, strict=True)]).sum()
                if directional.requires_grad:  # a gradient that is constant has no further one
                    torch._foreach_add_(total, torch.autograd.grad(directional, leaves, materialize_grads=True))
        return total

    def accuracy(self, point: Sequence[Tensor]) -> float:
        """How many images get their label at a point.

        Args:
            point: one tensor a trainable parameter.

        Returns:
            A fraction in [0, 1].
        """
        return self.loss_and_accuracy(dict(zip(self.names, point, strict=True)))[1]

    def loss_and_accuracy(self, tensors: Mapping[str, Tensor]) -> tuple[float, float]:
        """L and accuracy with some of the model's parameters and buffers replaced.

        Args:
            tensors: by name; what is not named keeps its value.

        Returns:
            The mean loss, and the fraction of images that get their label.
        """
        losses, correct = [], 0
        with torch.no_grad(), in_eval_mode(self._model):
            for batch in self._batches:
                output = functional_call(self._model, {**self._buffers, **tensors}, batch.inputs)
                losses.append(float(self._loss(output, batch.y)) * len(batch.y) / self._images)
                correct += int((output.argmax(dim=1) == batch.y).sum())
        return math.fsum(losses), correct / self._images

    def _weighted_loss(self, batch: Batch, point: Sequence[Tensor]) -> Tensor:
        """What a batch adds to L."""
        tensors = {**self._buffers, **dict(zip(self.names, point, strict=True))}
        output = functional_call(self._model, tensors, batch.inputs)
        return self._loss(output, batch.y) * (len(batch.y) / self._images)
