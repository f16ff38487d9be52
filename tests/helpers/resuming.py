"""Runs that are stopped after an experience and continued from their checkpoint, for tests that compare."""

from functools import cache
from types import SimpleNamespace

from helpers.strategy_cases import CASES, ENTRIES, OWN_LOOP_CASES
from lifelong_lb.config import expand, parse_study
from lifelong_lb.data import load_images
from lifelong_lb.seeding import NOISE, seed_all
from lifelong_lb.store import CheckpointFolder
from lifelong_lb.studies.run.checkpoints import Checkpoints
from lifelong_lb.studies.run.execute import execute
from lifelong_lb.studies.run.state import RunState

RULES = [
    {"name": "lookahead-sam", "k": 4},
    {"name": "looksam", "k": 3},
    {"name": "friendly-sam"},
    {"name": "c-flat-plus", "level": 1.0, "midpoint": 2.0},
    {"name": "lookbehind-sam", "k": 3, "minibatch_switching": True, "alpha": "adaptive"},
]
"""Rules with state across steps."""

HEADS = {label: [head for of, head in CASES + OWN_LOOP_CASES if of == label] for label in ENTRIES if label != "joint"}
"""Label of an entry to the heads that it works with; joint is trained once."""


@cache
def load_once(source, **options):
    return load_images(source, **options)


class Stopped(Exception):
    pass


class StopsAfter(Checkpoints):
    """Stop a run after the checkpoint of some experience."""

    experience = None

    def after(self, experience, *of_the_run):
        super().after(experience, *of_the_run)
        if experience == self.experience:
            raise Stopped


def study(**changes):
    raw = {
        "streams": [{"name": "split-digits", "scenario": "class-incremental", "images_per_class": 12}],
        "model": {"name": "mlp", "hidden": [16], "head": "single"},
        "train": {"batch_size": 8},
        "optimizers": [{"name": "sgd", "lr": 0.05, "momentum": 0.9}],
        "evaluation": {"save_models": True, "batch_size": 400},
    }
    for key, value in changes.items():
        merged = isinstance(value, dict) and "name" not in value
        raw[key] = {**raw.get(key, {}), **value} if merged else value
    return expand(parse_study(raw))[0].config


def run(config, folder=None, stop=None, every=0, **made_by):
    """Execute a run; with a folder, save checkpoints there and resume from them."""
    progress, lines, models = RunState(), [], {}
    checkpoints = None
    if folder is not None:
        scratch = folder / "scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        checkpoints = StopsAfter(CheckpointFolder(folder / "saved"), every, made_by, scratch, lines.append)
        checkpoints.experience = stop
    try:
        keep = models.__setitem__
        execute(config, progress, roots=(), device="cpu", log=lines.append, keep=keep, checkpoints=checkpoints)
    except Stopped:
        pass
    return SimpleNamespace(progress=progress, lines=lines, models=models)


def disturb():
    """Put the global generators into an unusual state."""
    seed_all(987, NOISE)


def measured(progress):
    """Measurements that must be equal, as text so that NaN equals NaN."""
    R = progress.accuracy
    values = {**vars(progress), "accuracy": R.entries(), "initial": R.initial.tolist()}
    return {name: repr(value) for name, value in values.items() if name not in {"train_seconds", "earlier_peaks"}}


def assert_goes_on(config, folder, stops=(0, 1), last=4):
    whole = run(config)
    models, seconds = {}, 0.0
    for stop in (*stops, None):
        disturb()
        part = run(config, folder, stop)
        assert part.progress.train_seconds > seconds
        models, seconds = {**models, **part.models}, part.progress.train_seconds
    assert any("resumed after experience" in line for line in part.lines), part.lines
    assert set(part.models) == set(range(stops[-1] + 1, last + 1))  # nothing was done again
    assert measured(whole.progress) == measured(part.progress)
    assert part.progress.continued == len(stops)
    assert models == whole.models
    return whole, part
