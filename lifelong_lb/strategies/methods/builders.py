"""Builders of Avalanche strategies from the entries of a study file, one function per strategy.

They use Avalanche's classes if these work, else patched plugins or the strategies of this package.
"""

from collections.abc import Callable
from typing import Any

from avalanche.models import TrainEvalModel
from avalanche.training import supervised
from avalanche.training.plugins import ReplayPlugin
from torch import nn

from lifelong_lb.config.entries import own_loop_strategies
from lifelong_lb.config.entries import strategies as entries
from lifelong_lb.models import FeaturesOf
from lifelong_lb.strategies.loading.plugin import TensorLoading
from lifelong_lb.strategies.methods import patches
from lifelong_lb.strategies.methods.closed_form import NearestMean, RanPAC
from lifelong_lb.strategies.methods.memories import MEMORIES
from lifelong_lb.strategies.methods.mir import MIR
from lifelong_lb.strategies.methods.replay import DER, ERACE, ERAML
from lifelong_lb.strategies.methods.weight_aligning import WeightAligning

Common = dict[str, Any]
"""Arguments of every strategy, such as model, optimizer, criterion and plugins."""


def _naive(entry: entries.Naive, common: Common) -> Any:
    return supervised.Naive(**common)


def _cumulative(entry: entries.Cumulative, common: Common) -> Any:
    return supervised.Cumulative(**common)


def _joint(entry: entries.Joint, common: Common) -> Any:
    return supervised.JointTraining(**common)


def _replay(entry: entries.Replay, common: Common) -> Any:
    memory = {"mem_size": entry.mem_size, "batch_size_mem": entry.batch_size_mem}
    return _with(ReplayPlugin(**memory, storage_policy=MEMORIES[entry.memory](entry.mem_size)), common)


def _gdumb(entry: entries.GDumb, common: Common) -> Any:
    return _with(patches.GDumb(entry.mem_size), common)


def _ewc(entry: entries.EWC, common: Common) -> Any:
    settings = {"ewc_lambda": entry.ewc_lambda, "mode": entry.mode, "decay_factor": entry.decay_factor}
    return supervised.EWC(**settings, **common)


def _mas(entry: entries.MAS, common: Common) -> Any:
    return _with(patches.MemoryAwareSynapses(entry.lambda_reg, entry.alpha), common)


def _lwf(entry: entries.LwF, common: Common) -> Any:
    return _with(patches.LearningWithoutForgetting(entry.alpha, entry.temperature), common)


def _si(entry: entries.SI, common: Common) -> Any:
    return _with(patches.SynapticIntelligence(entry.si_lambda, entry.eps), common)


def _rwalk(entry: entries.RWalk, common: Common) -> Any:
    return _with(patches.RiemannianWalk(entry.ewc_lambda, entry.ewc_alpha, entry.delta_t), common)


def _agem(entry: entries.AGEM, common: Common) -> Any:
    return _with(patches.AverageGEM(entry.patterns_per_exp, entry.sample_size), common)


def _gem(entry: entries.GEM, common: Common) -> Any:
    return _with(patches.GEM(entry.patterns_per_exp, entry.memory_strength), common)


def _mir(entry: entries.MIR, common: Common) -> Any:
    memory = {"mem_size": entry.mem_size, "batch_size_mem": entry.batch_size_mem}
    return MIR(**memory, subsample=entry.subsample, **common)


def _gss(entry: entries.GSS, common: Common) -> Any:
    return _with(patches.GSS(entry.mem_size, entry.mem_strength), common)


def _er_ace(entry: entries.ERACE, common: Common) -> Any:
    return ERACE(mem_size=entry.mem_size, batch_size_mem=entry.batch_size_mem, **common)


def _er_aml(entry: entries.ERAML, common: Common) -> Any:
    memory = {"mem_size": entry.mem_size, "batch_size_mem": entry.batch_size_mem}
    temperatures = {"temp": entry.temp, "base_temp": entry.base_temp}
    return ERAML(feature_extractor=common["model"].features, **memory, **temperatures, **common)


def _der(entry: entries.DER, common: Common) -> Any:
    memory = {"mem_size": entry.mem_size, "batch_size_mem": entry.batch_size_mem}
    return DER(**memory, alpha=entry.alpha, beta=0.0, **common)


def _der_plus_plus(entry: entries.DERPlusPlus, common: Common) -> Any:
    memory = {"mem_size": entry.mem_size, "batch_size_mem": entry.batch_size_mem}
    return DER(**memory, alpha=entry.alpha, beta=entry.beta, **common)


def _icarl(entry: entries.ICaRL, common: Common) -> Any:
    model, loss = common["model"], patches.ICaRLLoss()
    features, means = nn.Sequential(model.normalise, model.backbone), patches.NearestClassMean()
    augments = [plugin.augment for plugin in common["plugins"] if isinstance(plugin, TensorLoading)]
    mirrored = any(augment is not None and augment.flip for augment in augments)
    common = {**common, "model": TrainEvalModel(features, model.head, means), "criterion": loss}
    common["plugins"] = [*common["plugins"], patches.Exemplars(entry.mem_size, entry.fixed_memory, mirrored=mirrored)]
    return supervised.Naive(**common)  # the criterion is added to its plugins


def _wa(entry: entries.WA, common: Common) -> Any:
    return _with(WeightAligning(entry.mem_size, entry.temperature), common)


def _lamaml(entry: own_loop_strategies.LaMAML, common: Common) -> Any:
    names = ("n_inner_updates", "second_order", "grad_clip_norm", "learn_lr", "lr_alpha", "sync_update", "alpha_init")
    memory = {"mem_size": entry.mem_size, "batch_size_mem": entry.batch_size_mem}
    return patches.LaMAML(**{name: getattr(entry, name) for name in names}, **memory, **common)


def _mer(entry: own_loop_strategies.MER, common: Common) -> Any:
    steps = {"n_inner_steps": entry.n_inner_steps, "beta": entry.beta, "gamma": entry.gamma}
    return patches.MER(**steps, mem_size=entry.mem_size, batch_size_mem=entry.batch_size_mem, **common)


def _on_features(common: Common) -> Common:
    """Arguments of a strategy that uses the features of the model, without its head and the optimizer."""
    model = common["model"]
    rest = {key: value for key, value in common.items() if key not in ("model", "optimizer")}
    size = {"feature_size": model.head.in_features, "classes": model.head.out_features}
    return {**rest, **size, "features": FeaturesOf(model)}


def _slda(entry: own_loop_strategies.SLDA, common: Common) -> Any:
    return patches.StreamingLDA(shrinkage=entry.shrinkage, **_on_features(common))


def _ncm(entry: own_loop_strategies.NCM, common: Common) -> Any:
    return NearestMean(cosine=entry.distance == "cosine", **_on_features(common))


def _ranpac(entry: own_loop_strategies.RanPAC, common: Common) -> Any:
    return RanPAC(projection=entry.projection, ridge=entry.ridge, **_on_features(common))


def _with(plugin: Any, common: Common) -> Any:
    return supervised.Naive(**{**common, "plugins": [*common["plugins"], plugin]})


STRATEGIES: dict[str, Callable[[Any, Common], Any]] = {
    "naive": _naive,
    "cumulative": _cumulative,
    "joint": _joint,
    "replay": _replay,
    "gdumb": _gdumb,
    "ewc": _ewc,
    "mas": _mas,
    "lwf": _lwf,
    "si": _si,
    "rwalk": _rwalk,
    "agem": _agem,
    "gem": _gem,
    "mir": _mir,
    "gss": _gss,
    "er-ace": _er_ace,
    "er-aml": _er_aml,
    "der": _der,
    "der++": _der_plus_plus,
    "icarl": _icarl,
    "wa": _wa,
    "lamaml": _lamaml,
    "mer": _mer,
    "slda": _slda,
    "ncm": _ncm,
    "ranpac": _ranpac,
}
"""Builders by the name in a study file."""
