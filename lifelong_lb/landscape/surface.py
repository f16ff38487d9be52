"""The loss over fixed images as a function of the weights; the model is not modified."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

Loss = Callable[[Tensor, Tensor], Tensor]
"""Maps output and labels to the mean loss over a batch, a scalar."""


@dataclass(frozen=True)
class Batch:
    """A batch of images with labels.

    Attributes:
        inputs: arguments of the model, e.g. images, or images and task labels; each ``(B, ...)``.
        y: int64 ``(B,)``.
    """

    inputs: tuple[Tensor, ...]
    y: Tensor

    def split(self, size: int) -> list["Batch"]:
        """Split the batch into consecutive smaller batches.

        Args:
            size: images per batch, >= 1; the last batch may be smaller.

        Returns:
            The batches, in order.
        """
        parts = zip(*(torch.split(tensor, size) for tensor in (*self.inputs, self.y)), strict=True)
        return [Batch(tuple(part[:-1]), part[-1]) for part in parts]


@contextmanager
def in_eval_mode(model: nn.Module) -> Iterator[None]:
    """Context manager: eval mode inside, and each module's previous mode afterwards.

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
    """L(w), the mean loss over all images of given batches at weights w.

    The model is called in eval mode (BatchNorm uses its running statistics, dropout is off) through ``functional_call``
    with substituted tensors: its parameters, buffers, ``.grad`` and modes do not change.

    Args:
        model: the model.
        batches: at least one batch.
        loss: maps output and labels to the mean loss over a batch; batches are weighted by their number of images.

    Attributes:
        names: names of the trainable parameters.
        weights: copies of their values w.

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
        """Compute L at a point.

        Args:
            point: one tensor per trainable parameter.

        Returns:
            The mean loss over all images.
        """
        with torch.no_grad(), in_eval_mode(self._model):
            return math.fsum(float(self._weighted_loss(batch, point)) for batch in self._batches)

    def loss_and_gradient(self, point: Sequence[Tensor]) -> tuple[float, list[Tensor]]:
        """Compute L and its gradient at a point.

        Args:
            point: one tensor per trainable parameter.

        Returns:
            The mean loss, and one gradient tensor per parameter; zero if the loss does not depend on the parameter.
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
        """Compute the Hessian-vector product H v at a point, as the gradient of g . v.

        Args:
            point: one tensor per trainable parameter.
            vector: v, one tensor per trainable parameter.

        Returns:
            H v, one tensor per trainable parameter.
        """
        total = [torch.zeros_like(p) for p in point]
        # the fused attention kernels have no second derivative
        with torch.enable_grad(), in_eval_mode(self._model), sdpa_kernel(SDPBackend.MATH):
            leaves = [p.detach().requires_grad_() for p in point]
            for batch in self._batches:
                loss = self._weighted_loss(batch, leaves)
                grads = torch.autograd.grad(loss, leaves, create_graph=True, materialize_grads=True)
                directional = torch.stack([(g * v).sum() for g, v in zip(grads, vector, strict=True)]).sum()
                if directional.requires_grad:  # False for a constant gradient, whose Hessian is zero
                    torch._foreach_add_(total, torch.autograd.grad(directional, leaves, materialize_grads=True))
        return total

    def accuracy(self, point: Sequence[Tensor]) -> float:
        """Compute the accuracy at a point.

        Args:
            point: one tensor per trainable parameter.

        Returns:
            A fraction in [0, 1].
        """
        return self.loss_and_accuracy(dict(zip(self.names, point, strict=True)))[1]

    def loss_and_accuracy(self, tensors: Mapping[str, Tensor]) -> tuple[float, float]:
        """Compute L and the accuracy with some parameters and buffers replaced.

        Args:
            tensors: replacements by name; other tensors keep their values.

        Returns:
            The mean loss, and the accuracy as a fraction in [0, 1].
        """
        losses, correct = [], 0
        with torch.no_grad(), in_eval_mode(self._model):
            for batch in self._batches:
                output = functional_call(self._model, {**self._buffers, **tensors}, batch.inputs)
                losses.append(float(self._loss(output, batch.y)) * len(batch.y) / self._images)
                correct += int((output.argmax(dim=1) == batch.y).sum())
        return math.fsum(losses), correct / self._images

    def _weighted_loss(self, batch: Batch, point: Sequence[Tensor]) -> Tensor:
        """Contribution of a batch to L."""
        tensors = {**self._buffers, **dict(zip(self.names, point, strict=True))}
        output = functional_call(self._model, tensors, batch.inputs)
        return self._loss(output, batch.y) * (len(batch.y) / self._images)
