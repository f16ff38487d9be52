"""Residual networks: parameter counts, logits of torchvision, blocks by hand, BatchNorm."""

import pytest
import torch
import torchvision
from helpers.small_models import SHAPE, count, images
from torch import nn
from torch.nn.functional import batch_norm, conv2d, relu

from lifelong_lb.config import MODEL_ENTRIES, UserError
from lifelong_lb.models import MODELS, build_model
from lifelong_lb.models.blocks import OneConvolutionBlock
from lifelong_lb.models.norms import BatchNorm, group_norm

CIFAR = (3, 32, 32)


def layer(before, after, kernel, norm=True):
    """Number of parameters of a convolution and of an optional normalisation after it."""
    return before * after * kernel**2 + (2 * after if norm else 0)


def basic(width, depths, kernel_of_shortcut=1):
    total, before = layer(3, width, 3), width
    for stage, depth in enumerate(depths):
        filters = width * 2**stage
        for _ in range(depth):
            total += layer(before, filters, 3) + layer(filters, filters, 3)
            total += layer(before, filters, kernel_of_shortcut) if before != filters else 0
            before = filters
    return total


def one_convolution(width):
    total, before = layer(3, width, 3), width
    for stage in range(4):
        filters = width * 2**stage
        for _ in range(2):
            total += layer(before, filters, 3) + 2 * filters
            total += layer(before, filters, 1, norm=False) if before != filters else 0
            before = filters
    return total


@pytest.mark.parametrize(
    ("name", "width", "expected"),
    [
        ("reduced-resnet18", 20, basic(20, (2, 2, 2, 2))),
        ("reduced-resnet18", 3, basic(3, (2, 2, 2, 2))),
        ("resnet18", 5, basic(5, (2, 2, 2, 2))),
        ("resnet34", 5, basic(5, (3, 4, 6, 3))),
        ("stable-sgd-resnet18", 7, one_convolution(7)),
        ("stable-sgd-resnet18", 20, 496_680 - 161 * 100),  # TAG's model of 100 classes without its head
        ("reduced-resnet18", 20, 1_109_240 - 161 * 100),  # GEM's model of 100 classes without its head
        ("resnet18", 64, 11_173_962 - 513 * 10),  # common CIFAR-10 models without their heads
        ("resnet34", 64, 21_282_122 - 513 * 10),
        ("resnet50", 64, 23_520_842 - 2049 * 10),
        ("resnet32", 16, 464_154 - 65 * 10),  # 0.46 million in table 6 of He et al. 2016
    ],
)
def test_numbers_of_parameters(name, width, expected):
    with torch.device("meta"):
        backbone = MODELS[name](image=CIFAR, width=width)
    assert count(backbone) == expected


def test_numbers_of_parameters_of_mlp_and_small_cnn():
    # mlp: 3072 * 256 + 256 + 256 * 256 + 256; small-cnn: 3 * 9 * 32 + 32 + 32 * 9 * 64 + 64 + 4096 * 256 + 256
    assert count(MODELS["mlp"](image=CIFAR)) == 852_480
    assert count(MODELS["small-cnn"](image=CIFAR)) == 1_068_224
    assert (
        count(MODELS["small-cnn"](image=CIFAR, norm="batch")) == 1_068_224 + 32 + 64
    )  # two per channel instead of one bias


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_resnets_equal_torchvision_up_to_the_first_layer(name):
    theirs = getattr(torchvision.models, name)(num_classes=20).double()
    theirs.conv1, theirs.maxpool = nn.Conv2d(3, 64, 3, padding=1, bias=False).double(), nn.Identity()
    ours = build_model(MODEL_ENTRIES[name](head="single"), SHAPE).double()
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.copy_(other)
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    for _ in range(2):  # compares running statistics as well
        assert torch.allclose(ours(x), theirs(x), atol=1e-11)
    assert torch.allclose(ours.eval()(x), theirs.eval()(x), atol=1e-11)


def test_a_block_with_one_convolution_by_hand():
    torch.manual_seed(0)
    block = OneConvolutionBlock(3, 5, 2, "batch", 0.0).double()
    for norm in (block.norm1, block.norm2):
        nn.init.normal_(norm.weight)
        nn.init.normal_(norm.bias)
    x = torch.randn(4, 3, 6, 6, dtype=torch.float64)
    out = relu(conv2d(x, block.conv.weight, stride=2, padding=1))
    out = batch_norm(out, None, None, block.norm1.weight, block.norm1.bias, training=True)
    out = relu(out + conv2d(x, block.shortcut.weight, stride=2))
    out = batch_norm(out, None, None, block.norm2.weight, block.norm2.bias, training=True)
    assert torch.allclose(block(x), out, atol=1e-12)
    same = OneConvolutionBlock(5, 5, 1, "none", 0.0).double()
    expected = relu(relu(same.conv(out)) + out)
    assert torch.equal(same(out), expected)


@pytest.mark.parametrize(("name", "calls"), [("resnet18", 8), ("resnet50", 16), ("stable-sgd-resnet18", 16)])
def test_number_of_dropout_calls(name, calls):
    model = MODELS[name](image=CIFAR, width=2, dropout=0.25)
    called = []
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(lambda *_: called.append(1))
    model(torch.randn(2, *CIFAR))
    assert len(called) == calls


@pytest.mark.parametrize(
    ("channels", "groups"), [(20, 2), (40, 4), (160, 10), (64, 4), (512, 32), (16, 1), (4, 1), (1, 1), (17, 1), (34, 1)]
)
def test_groups_of_four_to_sixteen_channels(channels, groups):
    assert group_norm(channels).num_groups == groups


def test_batch_norm_equals_torch():
    ours, theirs = BatchNorm(3), nn.BatchNorm2d(3)
    for x in (torch.randn(2, 3, 1, 1), torch.randn(1, 3, 2, 1), torch.randn(5, 3, 4, 4)):
        assert torch.equal(ours(x), theirs(x))
    assert all(torch.equal(a, b) for a, b in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True))
    assert torch.equal(ours.eval()(x[:1, :, :1, :1]), theirs.eval()(x[:1, :, :1, :1]))


def test_one_value_per_channel_is_normalised_by_running_statistics():
    layer = BatchNorm(2)
    with pytest.raises(UserError, match=r"more than one value per channel, .* norm: group or norm: none"):
        layer(torch.zeros(1, 2, 1, 1))
    layer(torch.randn(8, 2, 1, 1) * 3 + 1)
    nn.init.normal_(layer.weight)
    before = {key: value.clone() for key, value in layer.state_dict().items()}
    x = torch.randn(1, 2, 1, 1, requires_grad=True)
    out = layer(x)
    expected = (x.flatten() - before["running_mean"]) / (before["running_var"] + layer.eps).sqrt()
    assert torch.allclose(out.flatten(), expected * layer.weight + layer.bias, atol=1e-6)
    assert all(torch.equal(before[key], value) for key, value in layer.state_dict().items())
    out.sum().backward()
    assert (x.grad != 0).all()


def test_a_reduced_resnet_trains_on_one_small_image():
    model = MODELS["reduced-resnet18"](image=(1, 8, 8), width=2)
    x = images(9, (1, 8, 8)).float() / 255
    model(x[:8])
    model(x[8:]).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


def test_resnet32_by_hand():
    """Three stages of five blocks; where the shape changes, the shortcut takes every second pixel and adds zeros."""
    model = built_in_eval_mode("resnet32")
    backbone, x = model.backbone, torch.randn(2, 3, 32, 32)
    z = relu(backbone.stem_norm(conv2d(x, backbone.stem.weight, padding=1)))
    channels = 16
    for index, block in enumerate(backbone.blocks):
        shrinks = index in (5, 10)
        out = relu(block.norm1(conv2d(z, block.conv1.weight, stride=1 + shrinks, padding=1)))
        out = block.norm2(conv2d(out, block.conv2.weight, padding=1))
        if shrinks:
            z = torch.cat([z[:, :, ::2, ::2], torch.zeros(2, channels, *out.shape[2:])], dim=1)
            channels *= 2
        z = relu(out + z)
    assert len(backbone.blocks) == 15
    assert z.shape == (2, 64, 8, 8)
    assert torch.allclose(backbone(x), z.mean(dim=(2, 3)), atol=1e-4)
    spread = backbone.blocks[14].conv2.weight.std().item()
    assert spread == pytest.approx((2 / (9 * 64)) ** 0.5, rel=0.02)


def built_in_eval_mode(name):
    torch.manual_seed(0)
    return build_model(MODEL_ENTRIES[name](head="single"), SHAPE).eval()
