"""Models fit their streams; heads ask what their scenario asks."""

import pytest
import torch
from avalanche.models import SlimResNet18
from torch import nn

from lifelong_lb.config import MODEL_ENTRIES
from lifelong_lb.data.shape import Shape
from lifelong_lb.models import build_model
from lifelong_lb.models.heads import MaskedHead, MultiHead
from lifelong_lb.models.normalise import Normalise

SHAPE = Shape((3, 32, 32), 4, classes=20, classes_an_experience=5, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))


def images(n=6):
    return torch.randint(0, 256, (n, *SHAPE.image), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", MODEL_ENTRIES)
@pytest.mark.parametrize("head", ["multi", "masked"])
def test_task_aware_models(name, head):
    model = build_model(MODEL_ENTRIES[name](head=head), SHAPE)
    logits = model(images(), torch.tensor([0, 1, 2, 3, 3, 0]))
    assert logits.shape == (6, 5)
    assert model.features(images()).ndim == 2
    assert model.forward_single_task(images(), 2).shape == (6, 5)


@pytest.mark.parametrize("name", MODEL_ENTRIES)
@pytest.mark.parametrize(("head", "outputs"), [("single", 20), ("growing", 5)])
def test_task_agnostic_models(name, head, outputs):
    model = build_model(MODEL_ENTRIES[name](head=head), SHAPE)
    assert model(images()).shape == (6, outputs)


def test_normalisation_is_that_of_torchvision():
    from torchvision.transforms.v2.functional import normalize, to_dtype

    expected = normalize(to_dtype(images(), torch.float32, scale=True), SHAPE.mean, SHAPE.std)
    for channels_last in (False, True):
        ours = Normalise(SHAPE.mean, SHAPE.std, channels_last)
        assert torch.allclose(ours(images()), expected, atol=1e-6)
        assert torch.equal(ours(expected), expected)


def test_the_reduced_resnet_is_that_of_gem():
    """The same network as Avalanche's copy of GEM's: the same weights give the same logits."""
    theirs = SlimResNet18(20, nf=20)
    ours = build_model(MODEL_ENTRIES["reduced-resnet18"](head="single", width=20), SHAPE)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert mine.shape == other.shape
            mine.copy_(other)
    x = ours.normalise(images())
    assert torch.allclose(ours(images()), theirs(x), atol=1e-5)


def test_a_masked_head_is_a_single_head_with_the_other_logits_at_minus_infinity():
    torch.manual_seed(0)
    head = MaskedHead(7, tasks=3, classes=2).double()
    features, tasks = torch.randn(5, 7, dtype=torch.float64), torch.tensor([0, 2, 1, 1, 0])
    y = torch.tensor([1, 0, 1, 1, 0])
    logits = head.layer(features)
    allowed = torch.arange(6)[None] // 2 == tasks[:, None]
    expected = nn.functional.cross_entropy(logits.masked_fill(~allowed, float("-inf")), 2 * tasks + y)
    assert torch.allclose(nn.functional.cross_entropy(head(features, tasks), y), expected, atol=1e-14)


def test_a_multi_head_asks_each_sample_its_own_task_and_leaves_the_others_alone():
    torch.manual_seed(0)
    head = MultiHead(7, tasks=3, classes=2)
    features, tasks = torch.randn(5, 7), torch.tensor([0, 2, 2, 0, 0])
    mixed = head(features, tasks)
    for i, task in enumerate(tasks):
        assert torch.allclose(mixed[i], head.layers[int(task)](features[i]))
    mixed.sum().backward()
    assert head.layers[1].weight.grad is None
    assert head.layers[2].weight.grad is not None
    assert torch.equal(head(features[:1], tasks[:1]), head.layers[0](features[:1]))


@pytest.mark.parametrize("head", ["multi", "masked"])
def test_without_a_task_label_every_task_learnt_so_far_answers(head):
    model = build_model(MODEL_ENTRIES["mlp"](head=head), SHAPE)
    model.known_train_tasks_labels = {0, 2}
    x = images(4)
    answers = model(x, None)
    assert list(answers) == [0, 2]
    for task, logits in answers.items():
        assert torch.equal(logits, model(x, torch.full((4,), task)))
