"""Strategies that do not train in Avalanche's ordinary loop, so that only the rule ``none`` is supported."""

from math import ceil
from typing import Literal

from pydantic import StrictBool

from lifelong_lb.config.entries.fields import AtLeastOne, Positive, Share, UnitInterval
from lifelong_lb.config.entries.strategy_base import StrategyEntry

_NONE = "none: only the rule `none` is supported"


class LaMAML(StrategyEntry):
    """La-MAML, with learned learning rates; rule none only (Gupta et al. 2020, arXiv 2007.13904).

    Each minibatch is split into up to ``n_inner_updates`` parts. A copy of the weights takes one step per part, with a
    learning rate per weight (initially ``alpha_init``) and gradients clipped to ``grad_clip_norm``. After each step its
    loss is computed on the whole minibatch and ``batch_size_mem`` images from a reservoir of ``mem_size``. The gradient
    of the mean of these losses, through the inner steps if ``second_order``, updates the weights with the same rates;
    with ``learn_lr`` the rates are updated by their gradient, with the rate ``lr_alpha``.

    The base optimizer is not used unless ``sync_update: true`` makes it update the weights (Sync La-MAML, and with
    ``learn_lr: false`` C-MAML). Defaults are Avalanche's. The reservoir is updated after training on an experience; in
    the paper it is filled as images arrive.
    """

    replays_aside = True
    own_loop = "La-MAML updates the weights with a meta-gradient, in its own training loop"
    further_passes = _NONE
    name: Literal["lamaml"] = "lamaml"
    n_inner_updates: AtLeastOne = 5
    """Largest number of parts of a minibatch, with one inner step each."""
    second_order: StrictBool = True
    """Whether the meta-gradient goes through the inner steps."""
    grad_clip_norm: Positive = 1.0
    """Largest norm of an inner step's gradient."""
    learn_lr: StrictBool = True
    """Whether the learning rates of the weights are learnt."""
    lr_alpha: Positive = 0.25
    """Rate at which the learning rates are learnt."""
    sync_update: StrictBool = False
    """Whether the base optimizer updates the weights."""
    alpha_init: Positive = 0.1
    """Initial learning rate of each weight."""
    mem_size: AtLeastOne = 200
    """Images in the reservoir."""
    batch_size_mem: AtLeastOne = 10
    """Replayed images per minibatch."""

    def steps_optimizer(self) -> bool:
        """Whether the base optimizer takes the steps.

        Returns:
            ``sync_update``.
        """
        return self.sync_update

    def inner_updates(self, images: int) -> int:
        """Number of inner updates on a minibatch, equal to the number of meta-losses.

        Args:
            images: size of the minibatch, at least 1.

        Returns:
            Number of nonempty parts.

        Example:
            >>> LaMAML().inner_updates(10), LaMAML().inner_updates(8), LaMAML().inner_updates(3)
            (5, 4, 3)
        """
        return ceil(images / ceil(images / self.n_inner_updates))


class MER(StrategyEntry):
    """Meta-experience replay: Reptile on single images; rule none only (Riemer et al. 2019, arXiv 1810.11910).

    ``n_inner_steps`` times, each minibatch is extended by ``batch_size_mem`` images from a reservoir of ``mem_size``,
    and the base optimizer takes one step per image; the weights then move by the fraction ``beta`` of the total change.
    At the end they move by the fraction ``gamma`` of the change over all repetitions. Defaults are Avalanche's. The
    reservoir is updated after training on an experience; in the paper it is filled as images arrive.
    """

    replays_aside = True
    own_loop = "MER interpolates the weights after steps on single images, in its own training loop"
    further_passes = _NONE
    name: Literal["mer"] = "mer"
    n_inner_steps: AtLeastOne = 5
    """Repetitions per minibatch."""
    beta: Share = 0.1
    """Fraction of the change over the images of a repetition that is kept."""
    gamma: Share = 0.1
    """Fraction of the change over all repetitions that is kept."""
    mem_size: AtLeastOne = 200
    """Images in the reservoir."""
    batch_size_mem: AtLeastOne = 10
    """Replayed images per repetition."""


class OnFeatures(StrategyEntry):
    """A classifier on fixed features, which takes no gradients."""

    scenarios = ("class-incremental", "domain-incremental")
    heads = ("single",)
    takes_gradients = False
    further_passes = _NONE

    def steps_optimizer(self) -> bool:
        """Whether the base optimizer takes the steps.

        Returns:
            False.
        """
        return False


class SLDA(OnFeatures):
    """Deep streaming linear discriminant analysis; rule none only (Hayes & Kanan 2020, arXiv 1909.01520).

    A mean per class and one shared covariance of the model's features, updated image by image. The model itself never
    changes and its head is not used, so this is meant for pretrained models, e.g. ``timm`` with ``pretrained: true``;
    with other models it uses the features of the initial weights. ``shrinkage`` is the weight of the identity in the
    inverted covariance, by default the paper's. The covariance is "plastic" in the paper's terms: it is not fixed after
    a base initialisation phase.
    """

    online = True
    own_loop = "SLDA fits a linear discriminant on fixed features, without gradients"
    name: Literal["slda"] = "slda"
    shrinkage: UnitInterval = 1e-4
    """Weight of the identity in the inverted covariance."""


class NCM(OnFeatures):
    """Nearest class mean of fixed features; rule none only (Mensink et al. 2013).

    The model itself never changes, as for ``slda``; each image is used once. ``distance: cosine`` compares directions.
    """

    online = True
    own_loop = "NCM averages fixed features, without gradients"
    name: Literal["ncm"] = "ncm"
    distance: Literal["euclidean", "cosine"] = "euclidean"
    """How features are compared with the means."""


class RanPAC(OnFeatures):
    """Ridge regression on randomly projected features; rule none only (McDonnell et al. 2023, arXiv 2307.02251).

    The projection has ``projection`` random Gaussian directions, each followed by ReLU. ``ridge`` is the weight of the
    penalty; null chooses it after each experience among powers of ten, by fitting 80 % of its images. Defaults are the
    paper's. The model itself never changes: this is the paper's second phase, without the first one, which adapts the
    backbone to the first experience. Each image is used once.
    """

    own_loop = "RanPAC fits a ridge regression on fixed features, without gradients"
    name: Literal["ranpac"] = "ranpac"
    projection: AtLeastOne = 10_000
    """Number of random directions."""
    ridge: Positive | None = None
    """Weight of the penalty; by default chosen after each experience."""
