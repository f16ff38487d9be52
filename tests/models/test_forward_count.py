"""Every forward pass counts once, for logits and for features, in a model and its copies."""

import copy
import pickle

import pytest
import torch
from avalanche.models import MultiTaskModule
from helpers.small_models import NAMES, SHAPE, images, small_model
from torch.func import functional_call

from lifelong_lb.models import build_model

HEADS = ["multi", "masked", "single", "growing"]


def built(name="mlp", head="single", precision="float32", on=True):
    model = build_model(small_model(name, head=head), SHAPE, precision)
    model.normalise.passes.on = on
    return model


def inputs(model):
    tasks = [torch.tensor([0, 1, 2, 3, 3, 0])] if isinstance(model, MultiTaskModule) else []
    return (images(), *tasks)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("name", NAMES)
def test_logits_and_features(name, head, precision):
    model = built(name, head, precision)
    for n, call in enumerate([lambda: model(*inputs(model)), lambda: model.features(images())] * 2, start=1):
        call()
        assert model.normalise.passes.count == n
    with torch.no_grad():
        model.eval()(*inputs(model))
    assert model.normalise.passes.count == 5


def test_copies_share_the_counter():
    model, another = built(), built()
    teacher = copy.deepcopy(model)
    for each in (teacher, copy.deepcopy(teacher), copy.copy(model)):
        each(images())
    functional_call(model, {name: p.detach() + 1 for name, p in model.named_parameters()}, images())
    assert model.normalise.passes.count == teacher.normalise.passes.count == 4
    assert another.normalise.passes.count == 0


def test_counting_is_off_by_default():
    model = built(on=False)
    model(images())
    assert model.normalise.passes.count == 0
    assert not build_model(small_model("mlp", head="single"), SHAPE).normalise.passes.on


def test_pickled_references_share_the_counter():
    model = built()
    model(images())
    loaded, passes = pickle.loads(pickle.dumps((model, model.normalise.passes)))
    loaded(images())
    assert (passes.count, model.normalise.passes.count) == (2, 1)


@pytest.mark.parametrize("head", HEADS)
def test_the_counter_is_not_in_the_state_dict(head):
    names = set(built(head=head).state_dict())
    assert names
    assert all(name.startswith(("backbone.", "head.", "active_units", "max_class_label")) for name in names), names
