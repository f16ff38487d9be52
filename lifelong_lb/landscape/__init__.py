"""The loss landscape around a model's weights: flatness, curvature, paths between minima, noise on the weights.

Pure functions of a model, fixed batches and a loss. They leave the model exactly as they find it, draw random numbers
from the generator they are given alone, and call the model in eval mode, so that BatchNorm uses its running statistics.
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
