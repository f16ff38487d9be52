"""An optimizer with state that its state dict does not contain."""

from torch.optim import SGD


class StatefulSGD(SGD):
    """Count steps in an attribute, and reduce the step size with them."""

    def __init__(self, params, lr):
        super().__init__(params, lr=lr)
        self.steps = 0

    def step(self, closure=None):
        self.steps += 1
        for group in self.param_groups:
            group["lr"] = 0.1 / self.steps
        return super().step(closure)
