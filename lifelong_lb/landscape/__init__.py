"""The loss landscape around the weights of a model.

Flatness, curvature, linear paths between minima, and robustness to weight noise. All functions take a model, fixed
batches and a loss. They do not modify the model, draw random numbers only from the generator passed to them, and call
the model in eval mode (BatchNorm uses its running statistics).
"""

from lifelong_lb.landscape.ball import Ball, loss_rise, m_sharpness
from lifelong_lb.landscape.hessian import hessian_eigenvalues, hessian_trace
from lifelong_lb.landscape.images import fixed_images
from lifelong_lb.landscape.measure import LandscapeInputs, Measurement, can_interpolate, measure, measure_line
from lifelong_lb.landscape.noise import noisy_accuracies
from lifelong_lb.landscape.path import LinearPath, linear_path
from lifelong_lb.landscape.surface import Batch, Loss, Surface

__all__ = [
    "Ball",
    "Batch",
    "LandscapeInputs",
    "LinearPath",
    "Loss",
    "Measurement",
    "Surface",
    "can_interpolate",
    "fixed_images",
    "hessian_eigenvalues",
    "hessian_trace",
    "linear_path",
    "loss_rise",
    "m_sharpness",
    "measure",
    "measure_line",
    "noisy_accuracies",
]
