"""Continual-learning strategies that a study file can name."""

from typing import Literal

from pydantic import model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, NonNegative, OneOrEach, Positive, UnitInterval
from lifelong_lb.config.entries.own_loop_strategies import MER, NCM, SLDA, LaMAML, RanPAC
from lifelong_lb.config.entries.strategy_base import Penalised, Projected, Rehearsing, StrategyEntry

_MEMORY_FIRST = "an experience (or a chunk) enters the memory before training on it, and is replayed during it"


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

    The memory is updated after training on an experience, in an online stream after each chunk.
    """

    online = True
    further_passes = "the same minibatch, replayed images included"
    name: Literal["replay"] = "replay"
    mem_size: AtLeastOne = 200
    """Images in the memory."""
    batch_size_mem: AtLeastOne | None = None
    """Replayed images per minibatch, e.g. 10; by default as many as new ones."""
    memory: Literal["experience-balanced", "class-balanced", "reservoir"] = "experience-balanced"
    """Equally many images of the experiences seen (``experience-balanced``) or of the classes seen
    (``class-balanced``), or a uniform sample of all images seen (``reservoir``)."""


class GDumb(StrategyEntry):
    """A balanced memory, and a model trained from scratch on the memory alone (Prabhu et al. 2020, ECCV)."""

    further_passes = "the same minibatch of the memory"
    name: Literal["gdumb"] = "gdumb"
    mem_size: AtLeastOne = 200
    """Images in the memory."""


class EWC(Penalised):
    """Elastic weight consolidation (Kirkpatrick et al. 2017, arXiv 1612.00796).

    ``mode: separate`` keeps a penalty for each past experience. ``mode: online`` keeps one, to which older importances
    contribute by ``decay_factor`` (Schwarz et al. 2018, arXiv 1805.06370).
    """

    further_passes = "the penalty at the weights of each pass"
    name: Literal["ewc"] = "ewc"
    ewc_lambda: NonNegative = 1.0
    """Weight of the penalty."""
    mode: Literal["separate", "online"] = "separate"
    """``separate`` keeps a penalty for each past experience, ``online`` one for all."""
    decay_factor: UnitInterval | None = None
    """Factor of older importances in mode ``online``, e.g. 0.9."""

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
    """Weight of the penalty."""
    alpha: UnitInterval = 0.5
    """Weight of older importances when new ones are added."""


class LwF(Penalised):
    """Learning without forgetting (Li & Hoiem 2016, arXiv 1606.09282)."""

    further_passes = "distillation of each pass's outputs, the teacher fixed"
    name: Literal["lwf"] = "lwf"
    alpha: OneOrEach = 1.0
    """Weight of the distillation: one number, or a list with one per experience, of which the first has no effect."""
    temperature: Positive = 2.0
    """Temperature of the distillation."""


class SI(Penalised):
    """Synaptic intelligence (Zenke et al. 2017, arXiv 1703.04200)."""

    further_passes = "the penalty at the weights of each pass; the path integral reads g(w)"
    follows_path = True
    name: Literal["si"] = "si"
    si_lambda: NonNegative = 1.0
    """Weight of the penalty."""
    eps: Positive = 1e-7
    """Added to the squared change of a weight that divides its importance."""


class RWalk(Penalised):
    """Riemannian walk (Chaudhry et al. 2018, arXiv 1801.10112)."""

    scenarios = ("class-incremental",)
    heads = ("single", "growing")
    further_passes = "the penalty at the weights of each pass; scores read its own gradient at w"
    follows_path = True
    name: Literal["rwalk"] = "rwalk"
    ewc_lambda: NonNegative = 0.1
    """Weight of the penalty."""
    ewc_alpha: UnitInterval = 0.9
    """Weight of the newest squared gradient in the running Fisher information."""
    delta_t: AtLeastOne = 10
    """Iterations between two updates of the scores."""


class AGEM(Projected):
    """Averaged gradient episodic memory (Chaudhry et al. 2019, arXiv 1812.00420)."""

    further_passes = (
        "ascents follow the raw gradient, each gradient of a base step is projected; one reference gradient, at w"
    )
    name: Literal["agem"] = "agem"
    patterns_per_exp: AtLeastOne = 256
    """Images of each experience in the memory."""
    sample_size: AtLeastOne = 256
    """Images of the reference gradient, drawn from the memory at random at each step."""


class GEM(Projected):
    """Gradient episodic memory (Lopez-Paz & Ranzato 2017, arXiv 1706.08840)."""

    further_passes = "as `agem`, with the reference gradients at w of all past experiences"
    name: Literal["gem"] = "gem"
    patterns_per_exp: AtLeastOne = 256
    """Images of each experience in the memory."""
    memory_strength: NonNegative = 0.5
    """Lower bound of the multipliers of the quadratic program (gamma in the paper)."""


class MIR(Rehearsing):
    """Maximally interfered retrieval (Aljundi et al. 2019, arXiv 1908.04742).

    Of ``subsample`` images drawn from the memory, it replays the ``batch_size_mem`` whose loss a plain step would raise
    most.
    """

    online = True
    further_passes = "the images retrieved at w are replayed in every pass"
    name: Literal["mir"] = "mir"
    subsample: AtLeastOne = 50
    """Images drawn from the memory, of which those are replayed whose loss a plain step would raise most."""


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
    """Images in the memory."""
    mem_strength: AtLeastOne = 5
    """Minibatches of the memory whose gradients score a new image."""


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
    """Temperature of the supervised contrastive loss."""
    base_temp: Positive = 0.07
    """Temperature that scales this loss."""


class DER(StrategyEntry):
    """Dark experience replay with stored logits (Buzzega et al. 2020, arXiv 2004.07211)."""

    heads = ("multi", "masked", "single")
    online = True
    further_passes = "the same replayed minibatch and stored logits"
    replays_aside = True
    name: Literal["der"] = "der"
    mem_size: AtLeastOne = 200
    """Images in the memory."""
    batch_size_mem: AtLeastOne | None = None
    """Replayed images per minibatch, e.g. 10; by default as many as new ones."""
    alpha: NonNegative = 0.1
    """Weight of the distance to the stored logits."""


class DERPlusPlus(StrategyEntry):
    """Dark experience replay with stored logits and labels (Buzzega et al. 2020, arXiv 2004.07211)."""

    heads = ("multi", "masked", "single")
    online = True
    further_passes = "the same replayed minibatch, stored logits and labels"
    replays_aside = True
    name: Literal["der++"] = "der++"
    mem_size: AtLeastOne = 200
    """Images in the memory."""
    batch_size_mem: AtLeastOne | None = None
    """Replayed images per minibatch, e.g. 10; by default as many as new ones."""
    alpha: NonNegative = 0.1
    """Weight of the distance to the stored logits."""
    beta: NonNegative = 0.5
    """Weight of the loss on stored labels."""


class ICaRL(StrategyEntry):
    """Exemplars by herding, distillation, nearest class mean (Rebuffi et al. 2017, arXiv 1611.07725)."""

    scenarios = ("class-incremental",)
    heads = ("single", "growing")
    further_passes = "the same minibatch, exemplars included, with the teacher's outputs of the first pass"
    name: Literal["icarl"] = "icarl"
    mem_size: AtLeastOne = 200
    """Exemplars, of all classes together or of each class, see ``fixed_memory``."""
    fixed_memory: bool = True
    """``true`` divides ``mem_size`` images among the classes seen, ``false`` keeps ``mem_size`` per class."""


class WA(StrategyEntry):
    """Weight aligning: exemplars by herding, distillation, equal weight norms (Zhao et al. 2020, arXiv 1911.07053).

    ``mem_size`` exemplars are divided among the classes seen. Distillation softens outputs by ``temperature``. After
    each experience the classifier's weights of the new classes are scaled to the mean norm of those of the old ones.
    """

    scenarios = ("class-incremental",)
    heads = ("single", "growing")
    further_passes = "the same minibatch, exemplars included; the distillation at the weights of the pass"
    name: Literal["wa"] = "wa"
    mem_size: AtLeastOne = 2000
    """Exemplars in total."""
    temperature: Positive = 2.0
    """Temperature of the distillation."""


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
    "wa": WA,
    "lamaml": LaMAML,
    "mer": MER,
    "slda": SLDA,
    "ncm": NCM,
    "ranpac": RanPAC,
}

NOT_OFFERED: dict[str, str] = {
    "ar1": (
        "it trains a MobileNet with downloaded weights with its own SGD in its own training loop, and ignores the "
        "study's model, optimizers and rules"
    ),
    "bic": "in avalanche-lib 0.6 it fails with current versions of torch",
    "l2p": (
        "in avalanche-lib 0.6 its vision transformers fail with timm 1.0, and it trains one of them with its own Adam, "
        "ignoring the study's model, optimizers and rules"
    ),
}
"""Strategies of Avalanche that studies cannot use, with reasons."""
