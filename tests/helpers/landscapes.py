"""Models with a known landscape, or small enough for naive computation; all in float64."""

import copy

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from lifelong_lb.landscape import Batch


class Quadratic(nn.Module):
    """f(w) = (w - c) H (w - c) / 2 with w in two tensors; the output is f, one logit per image."""

    def __init__(self, H, start, centre=None):
        super().__init__()
        self.H, self.centre = H, torch.zeros(len(H), dtype=H.dtype) if centre is None else centre
        self.weight, self.bias = nn.Parameter(start[:2].clone()), nn.Parameter(start[2:].clone())

    def forward(self, x):
        away = torch.cat([self.weight, self.bias]) - self.centre
        return (away @ self.H @ away / 2).expand(len(x), 1)


def mean_output(output, y):
    return output.mean()


ONE_IMAGE = Batch((torch.zeros(1, dtype=torch.float64),), torch.zeros(1, dtype=torch.int64))


def rotated(eigenvalues, seed=0):
    """A symmetric matrix with these eigenvalues."""
    size = len(eigenvalues)
    draw = torch.Generator().manual_seed(seed)
    Q, _ = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64, generator=draw))
    return Q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ Q.T


def small_net(seed=0):
    """Five inputs, three classes, BatchNorm with updated statistics, dropout, a frozen layer."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(5, 5),
        nn.Linear(5, 4),
        nn.BatchNorm1d(4),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(4, 3),
    ).double()
    for p in net[0].parameters():
        p.requires_grad_(False)
    with torch.no_grad():
        net[2].weight.copy_(torch.rand(4) + 0.5)
    net.train()
    net(torch.randn(20, 5, dtype=torch.float64))
    net[3].eval()  # modules in different modes
    return net


def some_batches(sizes=(7, 4, 9), seed=1):
    draw = torch.Generator().manual_seed(seed)
    return [
        Batch((torch.randn(n, 5, dtype=torch.float64, generator=draw),), torch.randint(0, 3, (n,), generator=draw))
        for n in sizes
    ]


def together(batches):
    return Batch(
        tuple(map(torch.cat, zip(*(b.inputs for b in batches), strict=True))), torch.cat([b.y for b in batches])
    )


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Copy:
    """Naive L(w): a copy of the model in eval mode, weights as one vector, a single batch."""

    def __init__(self, model, batch, loss=cross_entropy):
        self.model, self.batch, self.loss = copy.deepcopy(model).eval(), batch, loss
        named = [(name, p) for name, p in self.model.named_parameters() if p.requires_grad]
        self.names, self.params = [n for n, _ in named], [p for _, p in named]
        self.w = parameters_to_vector(self.params).detach().clone()

    def put(self, w):
        vector_to_parameters(w.clone(), self.params)

    def __call__(self, w):
        self.put(w)
        with torch.no_grad():
            return float(self.loss(self.model(*self.batch.inputs), self.batch.y))

    def gradient(self, w):
        self.put(w)
        return parameters_to_vector(
            torch.autograd.grad(self.loss(self.model(*self.batch.inputs), self.batch.y), self.params)
        )

    def hessian(self):
        """Compute the Hessian column by column, by central differences of the gradient."""
        eye, h = torch.eye(len(self.w), dtype=self.w.dtype), 1e-5
        columns = [(self.gradient(self.w + h * e) - self.gradient(self.w - h * e)) / (2 * h) for e in eye]
        return torch.stack(columns)

    def scales(self, eta):
        parts = [
            abs(p.detach()) + eta if "weight" in n else torch.ones_like(p)
            for n, p in zip(self.names, self.params, strict=True)
        ]
        return parameters_to_vector(parts)

    def rise(self, rho, steps, T):
        self.put(self.w)
        u, heights = torch.zeros_like(self.w), []
        for _ in range(steps):
            d = T * self.gradient(self.w + T * u)
            u = u + rho * d / d.norm()
            u = u * min(1.0, rho / float(u.norm()))
            heights.append(self(self.w + T * u))
        return max(heights) - self(self.w)

    def accuracy(self, w):
        self.put(w)
        return float((self.model(*self.batch.inputs).argmax(1) == self.batch.y).double().mean())
