"""A small model and a few experiences of the digits, for tests that train an Avalanche strategy."""

from types import SimpleNamespace

from avalanche.core import SupervisedPlugin

from lifelong_lb.config import parse_study
from lifelong_lb.data import find_dataset, load_images
from lifelong_lb.models import build_model
from lifelong_lb.seeding import INITIALISATION, seed_all
from lifelong_lb.strategies import build_strategy
from lifelong_lb.streams import split_stream

EXPERIENCES = 3


class MinibatchTape(SupervisedPlugin):
    """Keeps every minibatch that a strategy trains on."""

    def __init__(self):
        super().__init__()
        self.minibatches = []

    def after_training_iteration(self, strategy, **kwargs):
        index = strategy.experience.current_experience
        self.minibatches.append((index, *(part.clone() for part in strategy.mbatch)))


def parts_of(strategy, scenario, head, stream_length=5):
    study = parse_study({
        "streams": [{"name": "split-digits", "experiences": stream_length, "scenario": scenario}],
        "model": {"name": "mlp", "hidden": [16], "head": head},
        "strategies": [strategy],
        "train": {"batch_size": 32},
    })
    stream = split_stream(study.streams[0], load_images(find_dataset("digits")), seed=0)
    seed_all(0, INITIALISATION)
    return SimpleNamespace(study=study, stream=stream, model=build_model(study.model, stream.shape))


def make_strategy(parts, model, optimizer, plugins):
    return build_strategy(
        parts.study.strategies[0],
        model=model,
        optimizer=optimizer,
        train=parts.study.train,
        evaluation=parts.study.evaluation,
        plugins=plugins,
    )


def train(strategy, stream):
    for i, experience in enumerate(stream.train[:EXPERIENCES]):
        seed_all(0, INITIALISATION, i + 1)
        strategy.train(experience)
