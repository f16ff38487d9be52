"""Continual-learning strategies that a study file can name."""

from math import ceil
from typing import Any, ClassVar, Literal

from pydantic import StrictBool, model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, Entry, NonNegative, OneOrEach, Positive, Share, UnitInterval

Penalty = Literal["every", "first"]
Project = Literal["descent", "both"]
_MEMORY_FIRST = "an experience (or a chunk) enters the memory before training on it, and is replayed during it"
_NONE = "none: only the rule `none` is supported"


class StrategyEntry(Entry):
    """A continual-learning strategy.

    Class attributes:
    ``scenarios``, ``heads``: supported scenarios and heads;
    ``trained_once``: whether it trains on all experiences together instead of one after the other;
    ``online``: whether it can treat each chunk of an online stream as an experience;
    ``further_passes``: the effect of a rule's passes after the first one; ``remark``: a further line for listings;
    ``own_loop``: reason why only the rule ``none`` is supported, if it does not train in Avalanche's ordinary loop;
    ``takes_gradients``: whether it takes any gradients;
    ``follows_path``: whether it accumulates the path of the weights over iterations;
    ``replays_aside``: whether it draws replayed images separately from the minibatches of its data loader.
    """

    scenarios: ClassVar[tuple[str, ...]] = ("task-incremental", "class-incremental", "domain-incremental")
    heads: ClassVar[tuple[str, ...]] = ("multi", "masked", "single", "growing")
    trained_once: ClassVar[bool] = False
    online: ClassVar[bool] = False
    follows_path: ClassVar[bool] = False
    replays_aside: ClassVar[bool] = False
    further_passes: ClassVar[str] = "the same minibatch"
    remark: ClassVar[str | None] = None
    own_loop: ClassVar[str | None] = None
    takes_gradients: ClassVar[bool] = True

    def steps_optimizer(self) -> bool:
        """Whether the base optimizer takes the steps.

        Returns:
            False if the optimizer's settings have no effect.
        """
        return True

    def passes(self) -> dict[str, Any]:
        """Options for the strategy's part of the objective in a rule's further passes.

        Returns:
            Keyword arguments of :class:`lifelong_lb.strategies.SharpnessAwarePlugin`.
        """
        return {key: value for key, value in self if key in ("penalty", "project")}


class Penalised(StrategyEntry):
    """A strategy that adds a penalty to the loss.

    ``penalty: every`` adds it in every pass of a rule's step, as in the objective. ``penalty: first`` adds it only in
    the first pass, at w, for ablations: the same as further passes on the plain criterion.
    """

    penalty: Penalty = "every"


class Projected(StrategyEntry):
    """A strategy that projects gradients.

    ``project: descent`` projects only the gradients of base steps; a rule's ascent steps use the raw gradient.
    ``project: both`` projects every gradient.
    """

    project: Project = "descent"


class Rehearsing(StrategyEntry):
    """A strategy that draws minibatches from a memory."""

    replays_aside = True
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne = 10

    @model_validator(mode="after")
    def _memory_fills_a_minibatch(self) -> "Rehearsing":
        if self.batch_size_mem > self.mem_size:
            raise ValueError(
                f"needs mem_size >= batch_size_mem, else nothing is ever replayed; "
                f"got {self.mem_size} and {self.batch_size_mem}"
            )
        return self


class Naive(StrategyEntry):
    """Fine-tuning on one experience after the other, without a remedy for forgetting."""

    online = True
    name: Literal["naive"] = "naive"


class Cumulative(StrategyEntry):
    """Each experience together with all images of the earlier ones: an unlimited memory."""

    name: Literal["cumulative"] = "cumulative"


class Joint(StrategyEntry):
    """All experiences trained together, once: an upper bound, measured after the last experience only."""

    trained_once = True
    name: Literal["joint"] = "joint"


class Replay(StrategyEntry):
    """Experience replay: each minibatch is extended by ``batch_size_mem`` images from a memory, by default as many.

    ``memory`` divides its ``mem_size`` images equally among the experiences seen (``experience-balanced``) or the
    classes seen (``class-balanced``), or is a uniform sample of all images seen (``reservoir``). It is updated after
    training on an experience, in an online stream after each chunk.
    """

    online = True
    further_passes = "the same minibatch, replayed images included"
    name: Literal["replay"] = "replay"
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne | None = None
    memory: Literal["experience-balanced", "class-balanced", "reservoir"] = "experience-balanced"


class GDumb(StrategyEntry):
    """A balanced memory, and a model trained from scratch on the memory alone (Prabhu et al. 2020, ECCV)."""

    further_passes = "the same minibatch of the memory"
    name: Literal["gdumb"] = "gdumb"
    mem_size: AtLeastOne = 200


class EWC(Penalised):
    """Elastic weight consolidation (Kirkpatrick et al. 2017, arXiv 1612.00796).

    ``mode: separate`` keeps a penalty for each past experience. ``mode: online`` keeps one, to which older importances
    contribute by ``decay_factor`` (Schwarz et al. 2018, arXiv 1805.06370).
    """

    further_passes = "the penalty at the weights of each pass"
    name: Literal["ewc"] = "ewc"
    ewc_lambda: NonNegative = 1.0
    mode: Literal["separate", "online"] = "separate"
    decay_factor: UnitInterval | None = None

    @model_validator(mode="after")
    def _decay_belongs_to_online(self) -> "EWC":
        if (self.mode == "online") != (self.decay_factor is not None):
            raise ValueError(
                "needs a decay_factor, a number in [0, 1], in mode 'online', and none in mode 'separate'; "
                f"got mode {self.mode!r} and decay_factor {self.decay_factor}"
            )
        return self


class MAS(Penalised):
    """Memory-aware synapses (Aljundi et al. 2018, arXiv 1711.09601)."""

    further_passes = "the penalty at the weights of each pass"
    name: Literal["mas"] = "mas"
    lambda_reg: NonNegative = 1.0
    alpha: UnitInterval = 0.5


class LwF(Penalised):
    """Learning without forgetting (Li & Hoiem 2016, arXiv 1606.09282).

    ``alpha`` is the weight of the distillation: one number, or a list with one per experience; the first has no
    effect.
    """

    further_passes = "distillation of each pass's outputs, the teacher fixed"
    name: Literal["lwf"] = "lwf"
    alpha: OneOrEach = 1.0
    temperature: Positive = 2.0


class SI(Penalised):
    """Synaptic intelligence (Zenke et al. 2017, arXiv 1703.04200)."""

    further_passes = "the penalty at the weights of each pass; the path integral reads g(w)"
    follows_path = True
    name: Literal["si"] = "si"
    si_lambda: NonNegative = 1.0
    eps: Positive = 1e-7


class RWalk(Penalised):
    """Riemannian walk (Chaudhry et al. 2018, arXiv 1801.10112)."""

    scenarios = ("class-incremental",)
    heads = ("single", "growing")
    further_passes = "the penalty at the weights of each pass; scores read its own gradient at w"
    follows_path = True
    name: Literal["rwalk"] = "rwalk"
    ewc_lambda: NonNegative = 0.1
    ewc_alpha: UnitInterval = 0.9
    delta_t: AtLeastOne = 10


class AGEM(Projected):
    """Averaged gradient episodic memory (Chaudhry et al. 2019, arXiv 1812.00420).

    The reference gradient is taken over ``sample_size`` images, drawn from the memory at random at each step.
    """

    further_passes = (
        "ascents follow the raw gradient, each gradient of a base step is projected; one reference gradient, at w"
    )
    name: Literal["agem"] = "agem"
    patterns_per_exp: AtLeastOne = 256
    sample_size: AtLeastOne = 256


class GEM(Projected):
    """Gradient episodic memory (Lopez-Paz & Ranzato 2017, arXiv 1706.08840)."""

    further_passes = "as `agem`, with the reference gradients at w of all past experiences"
    name: Literal["gem"] = "gem"
    patterns_per_exp: AtLeastOne = 256
    memory_strength: NonNegative = 0.5


class MIR(Rehearsing):
    """Maximally interfered retrieval (Aljundi et al. 2019, arXiv 1908.04742).

    Of ``subsample`` images drawn from the memory, it replays the ``batch_size_mem`` whose loss a plain step would raise
    most.
    """

    online = True
    further_passes = "the images retrieved at w are replayed in every pass"
    name: Literal["mir"] = "mir"
    subsample: AtLeastOne = 50


class GSS(StrategyEntry):
    """Gradient-based sample selection, in its greedy variant (Aljundi et al. 2019, arXiv 1903.08671).

    The memory keeps images whose gradients differ: each is scored by its largest cosine with the gradients of
    ``mem_strength`` minibatches of the memory. From the second experience on, each minibatch is extended by as many
    images of the memory.
    """

    scenarios = ("class-incremental", "domain-incremental")
    heads = ("single", "growing")
    further_passes = "the same minibatch, replayed images included; the memory changes in the first pass only"
    name: Literal["gss"] = "gss"
    mem_size: AtLeastOne = 200
    mem_strength: AtLeastOne = 5


class ERACE(Rehearsing):
    """Experience replay with asymmetric cross-entropy (Caccia et al. 2022, arXiv 2104.05025)."""

    online = True
    remark = _MEMORY_FIRST
    further_passes = "the same replayed minibatch, both losses recomputed"
    name: Literal["er-ace"] = "er-ace"


class ERAML(Rehearsing):
    """Experience replay with asymmetric metric learning (Caccia et al. 2022, arXiv 2104.05025)."""

    scenarios = ("class-incremental",)
    heads = ("single", "growing")
    remark = _MEMORY_FIRST
    further_passes = "the same replayed minibatch, the same positive and negative images"
    name: Literal["er-aml"] = "er-aml"
    temp: Positive = 0.1
    base_temp: Positive = 0.07


class DER(StrategyEntry):
    """Dark experience replay with stored logits (Buzzega et al. 2020, arXiv 2004.07211)."""

    heads = ("multi", "masked", "single")
    online = True
    further_passes = "the same replayed minibatch and stored logits"
    replays_aside = True
    name: Literal["der"] = "der"
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne | None = None
    alpha: NonNegative = 0.1


class DERPlusPlus(StrategyEntry):
    """Dark experience replay with stored logits and labels (Buzzega et al. 2020, arXiv 2004.07211)."""

    heads = ("multi", "masked", "single")
    online = True
    further_passes = "the same replayed minibatch, stored logits and labels"
    replays_aside = True
    name: Literal["der++"] = "der++"
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne | None = None
    alpha: NonNegative = 0.1
    beta: NonNegative = 0.5


class ICaRL(StrategyEntry):
    """Exemplars by herding, distillation, nearest class mean (Rebuffi et al. 2017, arXiv 1611.07725).

    ``fixed_memory: true`` divides ``mem_size`` images among the classes seen; ``false`` keeps ``mem_size`` per class.
    """

    scenarios = ("class-incremental",)
    heads = ("single", "growing")
    further_passes = "the same minibatch, exemplars included, with the teacher's outputs of the first pass"
    name: Literal["icarl"] = "icarl"
    mem_size: AtLeastOne = 200
    fixed_memory: bool = True


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
    second_order: StrictBool = True
    grad_clip_norm: Positive = 1.0
    learn_lr: StrictBool = True
    lr_alpha: Positive = 0.25
    sync_update: StrictBool = False
    alpha_init: Positive = 0.1
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne = 10

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
    beta: Share = 0.1
    gamma: Share = 0.1
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne = 10


class SLDA(StrategyEntry):
    """Deep streaming linear discriminant analysis; rule none only (Hayes & Kanan 2020, arXiv 1909.01520).

    A mean per class and one shared covariance of the model's features, updated image by image. The model itself never
    changes and its head is not used, so this is meant for pretrained models, e.g. ``timm`` with ``pretrained: true``;
    with other models it uses the features of the initial weights. ``shrinkage`` is the weight of the identity in the
    inverted covariance, by default the paper's. The covariance is "plastic" in the paper's terms: it is not fixed after
    a base initialisation phase.
    """

    scenarios = ("class-incremental", "domain-incremental")
    heads = ("single",)
    online = True
    own_loop = "SLDA fits a linear discriminant on fixed features, without gradients"
    takes_gradients = False
    further_passes = _NONE
    name: Literal["slda"] = "slda"
    shrinkage: UnitInterval = 1e-4

    def steps_optimizer(self) -> bool:
        """Whether the base optimizer takes the steps.

        Returns:
            False.
        """
        return False


STRATEGY_ENTRIES: dict[str, type[StrategyEntry]] = {
    "naive": Naive,
    "cumulative": Cumulative,
    "joint": Joint,
    "replay": Replay,
    "gdumb": GDumb,
    "ewc": EWC,
    "mas": MAS,
    "lwf": LwF,
    "si": SI,
    "rwalk": RWalk,
    "agem": AGEM,
    "gem": GEM,
    "mir": MIR,
    "gss": GSS,
    "er-ace": ERACE,
    "er-aml": ERAML,
    "der": DER,
    "der++": DERPlusPlus,
    "icarl": ICaRL,
    "lamaml": LaMAML,
    "mer": MER,
    "slda": SLDA,
}

NOT_OFFERED: dict[str, str] = {
    "ar1": (
        "it trains a MobileNet with downloaded weights with its own SGD in its own training loop, and ignores the "
        "study's model, optimizers and rules"
    ),
    "bic": "in avalanche-lib 0.6 it fails with current versions of torch",
}
"""Strategies of Avalanche that studies cannot use, with reasons."""
