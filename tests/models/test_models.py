"""Models and heads: shapes, precision, and agreement with reference implementations."""

import pytest
import torch
from avalanche.models import SimpleMLP, SlimResNet18
from helpers.small_models import NAMES, SHAPE, images, small_model
from torch import nn

from lifelong_lb.config import MODEL_ENTRIES
from lifelong_lb.models import build_model
from lifelong_lb.models.heads import MaskedHead, MultiHead
from lifelong_lb.models.normalise import Normalise


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", ["multi", "masked"])
def test_task_aware_models(name, head):
    model = build_model(small_model(name, head=head), SHAPE)
    logits = model(images(), torch.tensor([0, 1, 2, 3, 3, 0]))
    assert logits.shape == (6, 5)
    assert model.features(images()).ndim == 2
    assert model.forward_single_task(images(), 2).shape == (6, 5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("head", "outputs"), [("single", 20), ("growing", 5)])
def test_task_agnostic_models(name, head, outputs):
    model = build_model(small_model(name, head=head), SHAPE)
    assert model(images()).shape == (6, outputs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", ["multi", "masked", "single", "growing"])
def test_bfloat16_gives_almost_the_same_logits_in_float32(name, head):
    torch.manual_seed(0)
    exact = build_model(small_model(name, head=head), SHAPE)
    coarse = build_model(small_model(name, head=head), SHAPE, precision="bfloat16")
    coarse.load_state_dict(exact.state_dict())
    for model in (exact, coarse):
        model.eval()  # BatchNorm over few values would amplify small differences
    tasks = [torch.tensor([0, 1, 2, 3, 3, 0])] if head in ("multi", "masked") else []
    expected, logits = exact(images(), *tasks), coarse(images(), *tasks)
    assert logits.dtype == expected.dtype == torch.float32
    assert (expected - logits).abs().max() < 0.05 * expected.abs().max()
    coarse_features = coarse.features(images())
    assert coarse_features.dtype == (
        torch.float32 if name in ("timm", "linear") else torch.bfloat16
    )  # a ViT ends with LayerNorm, in float32, and the features of linear are the images
    assert torch.equal(coarse_features.float(), exact.features(images())) == (name == "linear")
    logits.sum().backward()
    assert {p.grad.dtype for p in coarse.parameters() if p.grad is not None} == {torch.float32}


def test_normalisation_equals_torchvision():
    from torchvision.transforms.v2.functional import normalize, to_dtype

    expected = normalize(to_dtype(images(), torch.float32, scale=True), SHAPE.mean, SHAPE.std)
    for channels_last in (False, True):
        ours = Normalise(SHAPE.mean, SHAPE.std, channels_last)
        assert torch.allclose(ours(images()), expected, atol=1e-6)
        assert torch.equal(ours(expected), expected)


def test_the_reduced_resnet_equals_gem():
    """Equal weights give the logits of Avalanche's copy of GEM's network."""
    theirs = SlimResNet18(20, nf=20)
    ours = build_model(MODEL_ENTRIES["reduced-resnet18"](head="single", width=20), SHAPE)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert mine.shape == other.shape
            mine.copy_(other)
    x = ours.normalise(images())
    assert torch.allclose(ours(images()), theirs(x), atol=1e-5)


def test_input_dropout_of_an_mlp_drops_pixels():
    model = build_model(small_model("mlp", head="single", input_dropout=0.5), SHAPE)
    x = torch.ones(4, *SHAPE.image)
    seen = []
    model.backbone.layers[2].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    model(x)
    assert set(seen[0].unique().tolist()) == {0, 2}
    assert 0.45 < (seen[0] == 0).float().mean() < 0.55
    model.eval()(x)
    assert torch.equal(seen[1], x.flatten(1))


@pytest.mark.parametrize("hidden_layers", [1, 3])
def test_the_mlp_with_dropout_equals_avalanche(hidden_layers):
    """Equal weights and equal noise give equal logits, in training and in evaluation."""
    theirs = SimpleMLP(20, input_size=3 * 32 * 32, hidden_size=16, hidden_layers=hidden_layers, drop_rate=0.5)
    ours = build_model(MODEL_ENTRIES["mlp"](head="single", hidden=(16,) * hidden_layers, dropout=0.5), SHAPE)
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.copy_(other)
    x = ours.normalise(images())
    logits = []
    for model in (ours, theirs):
        torch.manual_seed(3)
        logits.append((model(x), model.eval()(x)))
    assert torch.equal(logits[0][0], logits[1][0])
    assert torch.equal(logits[0][1], logits[1][1])
    assert not torch.equal(*logits[0])


def test_an_mlp_with_tanh_by_hand():
    model = build_model(MODEL_ENTRIES["mlp"](head="single", hidden=(2,), activation="tanh"), SHAPE)
    layer = model.backbone.layers[1]
    x = torch.randn(4, *SHAPE.image)
    expected = torch.tanh(x.flatten(1) @ layer.weight.T + layer.bias)
    assert torch.allclose(model.features(x), expected, atol=1e-6)
    assert (model.features(x) < 0).any()


def test_a_masked_head_is_a_single_head_with_the_other_logits_at_minus_infinity():
    torch.manual_seed(0)
    head = MaskedHead(7, tasks=3, classes=2).double()
    features, tasks = torch.randn(5, 7, dtype=torch.float64), torch.tensor([0, 2, 1, 1, 0])
    y = torch.tensor([1, 0, 1, 1, 0])
    logits = head.layer(features)
    allowed = torch.arange(6)[None] // 2 == tasks[:, None]
    expected = nn.functional.cross_entropy(logits.masked_fill(~allowed, float("-inf")), 2 * tasks + y)
    assert torch.allclose(nn.functional.cross_entropy(head(features, tasks), y), expected, atol=1e-14)


def test_a_multi_head_uses_only_the_layers_of_the_tasks_in_the_minibatch():
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
def test_without_task_labels_the_logits_of_all_trained_tasks_are_returned(head):
    model = build_model(MODEL_ENTRIES["mlp"](head=head), SHAPE)
    model.known_train_tasks_labels = {0, 2}
    x = images(4)
    by_task = model(x, None)
    assert list(by_task) == [0, 2]
    for task, logits in by_task.items():
        assert torch.equal(logits, model(x, torch.full((4,), task)))
