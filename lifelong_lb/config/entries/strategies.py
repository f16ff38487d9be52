"""Continual-learning strategies a study file can name."""

from math import ceil
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StrictBool, model_validator

from lifelong_lb.config.entries.fields import AtLeastOne, Entry, Float, NonNegative, OneOrEach, Positive

Share = Annotated[Float, Field(ge=0, le=1)]
UpToOne = Annotated[Float, Field(gt=0, le=1)]
Penalty = Literal["every", "first"]
Project = Literal["descent", "both"]
_MEMORY_FIRST = "an experience, or a chunk of one, is taken into memory before it is trained on, and replayed meanwhile"
_NONE = "none: it goes with the rule `none` only"


class StrategyEntry(Entry):
    """A continual-learning strategy.

    Class attributes: ``scenarios`` and ``heads`` it works with, ``trained_once`` whether it learns the whole stream at
    once instead of one experience after the other, ``online`` whether it can treat each chunk of an online stream as an
    experience, ``further_passes`` what the passes of a rule after the first one mean in it, ``remark`` what else a
    listing says. ``own_loop`` says why no
    update rule but ``none`` has a step to take part in, where it does not train in Avalanche's ordinary loop;
    ``takes_gradients`` whether it takes any. ``follows_path``: whether it adds up how far the weights move in each
    iteration; ``replays_aside``: whether it draws replayed images beside the minibatches of its data loader.
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
            False where its settings change nothing.
        """
        return True

    def passes(self) -> dict[str, Any]:
        """What a rule's further passes do with this strategy's part of the objective, where there is a choice.

        Returns:
            Keyword arguments of :class:`lifelong_lb.strategies.SharpnessAwarePlugin`.
        """
        return {key: value for key, value in self if key in ("penalty", "project")}


class Penalised(StrategyEntry):
    """A strategy that adds a penalty to the loss.

    ``penalty: every`` adds it in every pass of a rule's step, as the objective says. ``penalty: first`` adds it in the
    first pass only, at w: what a second pass on the bare criterion does, for ablations.
    """

    penalty: Penalty = "every"


class Projected(StrategyEntry):
    """A strategy that projects gradients.

    ``project: descent`` projects each gradient that a base step is about to see, while a rule's ascents follow the raw
    gradient. ``project: both`` projects every gradient as it is taken.
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
                f"needs a mem_size of at least batch_size_mem, else nothing is ever replayed; "
                f"got {self.mem_size} and {self.batch_size_mem}"
            )
        return self


class Naive(StrategyEntry):
    """Fine-tuning on one experience after the other, with no measure against forgetting."""

    online = True
    name: Literal["naive"] = "naive"


class Cumulative(StrategyEntry):
    """Each experience together with all images of the earlier ones: a memory without limit."""

    name: Literal["cumulative"] = "cumulative"


class Joint(StrategyEntry):
    """All experiences at once, trained once: an upper bound, measured after the last experience only."""

    trained_once = True
    name: Literal["joint"] = "joint"


class Replay(StrategyEntry):
    """Experience replay: each minibatch is joined by ``batch_size_mem`` images, by default as many, from a memory.

    ``memory`` shares its ``mem_size`` images out over the experiences seen (``experience-balanced``), over the classes
    seen (``class-balanced``), or is a uniform sample of all images seen (``reservoir``). It takes in what an experience
    brings, a chunk's images in an online stream, after training on it.
    """

    online = True
    further_passes = "the same minibatch, replayed images included"
    name: Literal["replay"] = "replay"
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne | None = None
    memory: Literal["experience-balanced", "class-balanced", "reservoir"] = "experience-balanced"


class GDumb(StrategyEntry):
    """A balanced memory, and a model trained on it alone from scratch (Prabhu et al. 2020, ECCV)."""

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
    decay_factor: Share | None = None

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
    alpha: Share = 0.5


class LwF(Penalised):
    """Learning without forgetting (Li & Hoiem 2016, arXiv 1606.09282).

    ``alpha`` is the distillation's weight: one number, or a list with one an experience. The first
    has no effect.
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
    ewc_alpha: Share = 0.9
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

    Of ``subsample`` images drawn from the memory, the ``batch_size_mem`` whose loss a plain step would raise most.
    """

    online = True
    further_passes = "the images retrieved at w are replayed in every pass"
    name: Literal["mir"] = "mir"
    subsample: AtLeastOne = 50


class GSS(StrategyEntry):
    """Gradient-based sample selection, in its greedy variant (Aljundi et al. 2019, arXiv 1903.08671).

    Kept are images whose gradients differ: each is scored by its largest cosine with the gradients of ``mem_strength``
    minibatches of the memory. From the second experience on, each minibatch is joined by as many kept images.
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
    further_passes = "the same replayed minibatch, both losses anew"
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
    """Dark experience replay: logits of replayed images are kept (Buzzega et al. 2020, arXiv 2004.07211)."""

    heads = ("multi", "masked", "single")
    online = True
    further_passes = "the same replayed minibatch and stored logits"
    replays_aside = True
    name: Literal["der"] = "der"
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne | None = None
    alpha: NonNegative = 0.1


class DERPlusPlus(StrategyEntry):
    """DER, and the labels of replayed images are kept too (Buzzega et al. 2020, arXiv 2004.07211)."""

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

    ``fixed_memory: true`` shares ``mem_size`` images out over the classes seen; ``false`` keeps so many of each class.
    """

    scenarios = ("class-incremental",)
    heads = ("single", "growing")
    further_passes = "the same minibatch, exemplars included, with the teacher's outputs of the first pass"
    name: Literal["icarl"] = "icarl"
    mem_size: AtLeastOne = 200
    fixed_memory: bool = True


class LaMAML(StrategyEntry):
    """La-MAML, with learning rates that it learns; rule none only (Gupta et al. 2020, arXiv 2007.13904).

    Each minibatch is cut into up to ``n_inner_updates`` parts. A copy of the weights takes a step on one after the
    other, with a learning rate for each weight (``alpha_init`` at first) and gradients clipped to ``grad_clip_norm``.
    After each step it is asked for its loss on the whole minibatch, joined by ``batch_size_mem`` images from a
    reservoir of ``mem_size``. The gradient of the mean of these losses, through the inner steps where
    ``second_order``, moves the weights by the same rates; ``learn_lr`` moves the rates along theirs, by ``lr_alpha``.

    The base optimizer takes no part unless ``sync_update: true`` lets it move the weights (Sync La-MAML, and with
    ``learn_lr: false`` C-MAML). Defaults are Avalanche's. The reservoir takes in what an experience brings after
    training on it, where the paper fills it as images come.
    """

    replays_aside = True
    own_loop = "La-MAML moves the weights along a meta-gradient, in a training loop of its own"
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
        """Inner updates on a minibatch, which are as many as the meta-losses.

        Args:
            images: of the minibatch, one at least.

        Returns:
            How many parts have an image.

        Example:
            >>> LaMAML().inner_updates(10), LaMAML().inner_updates(8), LaMAML().inner_updates(3)
            (5, 4, 3)
        """
        return ceil(images / ceil(images / self.n_inner_updates))


class MER(StrategyEntry):
    """Meta-experience replay: Reptile on single images; rule none only (Riemer et al. 2019, arXiv 1810.11910).

    ``n_inner_steps`` times, each minibatch is joined by ``batch_size_mem`` images from a reservoir of ``mem_size``, and
    the base optimizer takes one step for each single image; the weights then go the share ``beta`` of the way. In the
    end they go the share ``gamma`` of the way that all of it led them. Defaults are Avalanche's. The reservoir takes in
    what an experience brings after training on it, where the paper fills it as images come.
    """

    replays_aside = True
    own_loop = "MER draws the weights back after steps on single images, in a training loop of its own"
    further_passes = _NONE
    name: Literal["mer"] = "mer"
    n_inner_steps: AtLeastOne = 5
    beta: UpToOne = 0.1
    gamma: UpToOne = 0.1
    mem_size: AtLeastOne = 200
    batch_size_mem: AtLeastOne = 10


class SLDA(StrategyEntry):
    """Deep streaming linear discriminant analysis; rule none only (Hayes & Kanan 2020, arXiv 1909.01520).

    A mean for each class and one covariance of all, taken over the model's features image by image. The model itself
    never changes and its head is not used, so that this is meant for models that have learnt already, such as ``timm``
    with ``pretrained: true``; of others it uses the features of the initial weights. ``shrinkage`` is the share of the
    identity in the covariance that is inverted, by default the paper's. The covariance is plastic, in the paper's word:
    there is no first phase after which it could be held still.
    """

    scenarios = ("class-incremental", "domain-incremental")
    heads = ("single",)
    online = True
    own_loop = "SLDA fits a linear discriminant on features that stay as they are, without gradients"
    takes_gradients = False
    further_passes = _NONE
    name: Literal["slda"] = "slda"
    shrinkage: Share = 1e-4

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
        "it trains a MobileNet with downloaded weights by an SGD of its own, in a training loop of its own, and "
        "ignores the study's model and optimizers, whatever the rule"
    ),
    "bic": "in avalanche-lib 0.6 it fails with current versions of torch",
}
"""Strategies of Avalanche that studies cannot name, and why."""
