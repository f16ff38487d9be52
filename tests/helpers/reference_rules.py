"""Naive reference versions, written from the formulas: every gradient is recomputed, nothing is reused."""

import math
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

MEMORY = WeakKeyDictionary()
"""Optimizer to what a naive rule keeps between its steps."""


def gradients_at(point, params, loss_of):
    """Gradients of the loss with the parameters moved to a point (and back)."""
    here = [p.detach().clone() for p in params]
    _put(params, point)
    grads = torch.autograd.grad(loss_of(), params)
    _put(params, here)
    return list(grads)


def sam_perturbation(point, grads, rho, scaled, eta):
    """e = rho g / ||g||, or with T = |w| + eta where `scaled`, rho T^2 g / ||T g||."""
    T = [abs(w) + eta if s else torch.ones_like(w) for w, s in zip(point, scaled, strict=True)]
    squares = sum(float(((t * g) ** 2).sum()) for t, g in zip(T, grads, strict=True))
    return [rho * t**2 * g / squares**0.5 for t, g in zip(T, grads, strict=True)]


def base_step(point, grads, params, optimizer):
    """Where one step of the base optimizer leads from a point, with given gradients."""
    here = [p.detach().clone() for p in params]
    _put(params, point)
    for p, g in zip(params, grads, strict=True):
        p.grad = g.clone()
    optimizer.step()
    there = [p.detach().clone() for p in params]
    _put(params, here)
    return there


def sam_step(params, optimizer, loss_of, *, rho, scaled=None, eta=0.01):
    """w <- base(w, g(w + e))."""
    scaled = scaled or [False] * len(params)
    w = [p.detach().clone() for p in params]
    e = sam_perturbation(w, gradients_at(w, params, loss_of), rho, scaled, eta)
    g = gradients_at([a + b for a, b in zip(w, e, strict=True)], params, loss_of)
    _put(params, base_step(w, g, params, optimizer))


def gsam_step(params, optimizer, loss_of, *, rho, alpha, scaled=None):
    """g_p less alpha times the part of g that is orthogonal to g_p, as one long vector."""
    w = [p.detach().clone() for p in params]
    g = gradients_at(w, params, loss_of)
    e = sam_perturbation(w, g, rho, [False] * len(w), 0.01)
    g_p = gradients_at([a + b for a, b in zip(w, e, strict=True)], params, loss_of)
    long_g, long_p = flat(g), flat(g_p)
    unit = long_p / long_p.norm()
    orthogonal = long_g - (long_g @ unit) * unit
    _put(params, base_step(w, unflat(long_p - alpha * orthogonal, w), params, optimizer))


def c_flat_step(params, optimizer, loss_of, *, rho, lamb, scaled=None):
    """g_1 + lamb (g_3 - g_2), as one long vector."""
    w = [p.detach().clone() for p in params]

    def gradient(point):
        return flat(gradients_at(unflat(point, w), params, loss_of))

    def ball(v):
        return rho * v / v.norm()

    start = flat(w)
    g0 = gradient(start)
    g1 = gradient(start + ball(g0))
    u = start + ball(g1 - g0)
    g2 = gradient(u)
    g3 = gradient(u + ball(g2))
    _put(params, base_step(w, unflat(g1 + lamb * (g3 - g2), w), params, optimizer))


def friendly_sam_step(params, optimizer, loss_of, *, rho, sigma, decay, average, scaled=None):
    """SAM along d = g - sigma m, as one long vector; m kept from step to step."""
    w = [p.detach().clone() for p in params]
    g = flat(gradients_at(w, params, loss_of))
    old = MEMORY.get(optimizer)
    if average == "updated":
        m = (1 - decay) * g if old is None else decay * old + (1 - decay) * g
        d = g - sigma * m
    else:
        m = g if old is None else decay * old + (1 - decay) * g
        d = g if old is None else g - sigma * old
    MEMORY[optimizer] = m
    perturbed = gradients_at(unflat(flat(w) + rho * d / d.norm(), w), params, loss_of)
    _put(params, base_step(w, perturbed, params, optimizer))


def gam_step(params, optimizer, loss_of, *, rho, rho_prime, alpha, beta, gamma, scaled=None):
    """h_+ - gamma times the part of h_- that is orthogonal to h_+, as one long vector."""
    w = [p.detach().clone() for p in params]

    def gradient(point):
        return flat(gradients_at(unflat(point, w), params, loss_of))

    start = flat(w)
    g0 = gradient(start)
    g1 = gradient(start + rho_prime * g0 / g0.norm())
    u = start + rho * (g1 - g0) / (g1 - g0).norm()
    g2 = gradient(u)
    g3 = gradient(u + rho_prime * g2 / g2.norm())
    plus, minus = alpha * g1 + (1 - alpha) * g3, beta * g0 + (1 - beta) * g2
    unit = plus / plus.norm()
    orthogonal = minus - (minus @ unit) * unit
    _put(params, base_step(w, unflat(plus - gamma * orthogonal, w), params, optimizer))


def c_flat_plus_step(params, optimizer, loss_of, *, rho, lamb, level, steepness, midpoint, rate, scaled=None):
    """C-Flat where the norm of g is at or above A s, the base optimizer's step elsewhere; A and t kept."""
    w = [p.detach().clone() for p in params]
    g = gradients_at(w, params, loss_of)
    t, a = MEMORY.get(optimizer, (1, level))
    threshold = a / (1 + math.exp(-steepness * (t - midpoint)))
    norm = float(flat(g).norm())
    MEMORY[optimizer] = (t + 1, a - rate * (threshold - norm))
    if norm >= threshold:
        c_flat_step(params, optimizer, loss_of, rho=rho, lamb=lamb)
    else:
        _put(params, base_step(w, g, params, optimizer))


def flat(tensors):
    return torch.cat([t.flatten() for t in tensors])


def unflat(vector, like):
    return [part.reshape(t.shape) for part, t in zip(vector.split([t.numel() for t in like]), like, strict=True)]


def multistep_step(params, optimizer, loss_of, *, rho, k, gradient, scaled=None, eta=0.01):
    """k ascent steps; one descent from w with the last gradient or the mean of those at the perturbed points."""
    scaled = scaled or [False] * len(params)
    w = [p.detach().clone() for p in params]
    p, met = w, []
    for _ in range(k):
        e = sam_perturbation(p, gradients_at(p, params, loss_of), rho, scaled, eta)
        p = [a + b for a, b in zip(p, e, strict=True)]
        met.append(gradients_at(p, params, loss_of))
    mean = [sum(gs) / k for gs in zip(*met, strict=True)]
    _put(params, base_step(w, met[-1] if gradient == "last" else mean, params, optimizer))


def lookbehind_step(params, optimizer, loss_of, *, rho, k, alpha, scaled=None, eta=0.01):
    """2k gradients: at each of k steps one to ascend from p, one to descend with from the new p."""
    scaled = scaled or [False] * len(params)
    slow = [p.detach().clone() for p in params]
    fast, p = slow, slow
    for i in range(k):
        e = sam_perturbation(p, gradients_at(p, params, loss_of), rho, scaled, eta)
        p = [a + b for a, b in zip(p, e, strict=True)]
        fast = base_step(fast, gradients_at(p, params, loss_of), params, optimizer)
        if i == 0:
            first = fast
    alphas = [alpha] * len(params)
    pairs = [(f - s, w - s) for f, s, w in zip(first, slow, fast, strict=True)]
    if alpha == "adaptive":
        alphas = [adaptive(a, b) for a, b in pairs]
    if alpha == "adaptive-global":
        whole = [torch.cat([d.flatten() for d in part]) for part in zip(*pairs, strict=True)]
        alphas = [adaptive(*whole)] * len(params)
    _put(params, [s + a * (f - s) for s, f, a in zip(slow, fast, alphas, strict=True)])


def adaptive(first: Tensor, last: Tensor) -> float:
    """(cos + 1) / 2."""
    a, b = first.flatten().tolist(), last.flatten().tolist()
    norms = sum(x * x for x in a) ** 0.5 * sum(x * x for x in b) ** 0.5
    return (sum(x * y for x, y in zip(a, b, strict=True)) / norms + 1) / 2 if norms else 0.5


def _put(params, values):
    with torch.no_grad():
        for p, v in zip(params, values, strict=True):
            p.copy_(v)
