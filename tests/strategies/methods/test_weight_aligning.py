"""Weight aligning: loss, scaling and exemplars by hand."""

import pytest
import torch
from avalanche.core import SupervisedPlugin
from helpers.strategy_cases import make, train
from torch.nn.functional import cross_entropy

from lifelong_lb.optim import SAM, NoRule
from lifelong_lb.strategies.methods.patches.icarl import herded
from lifelong_lb.strategies.methods.weight_aligning import WeightAligning, align, distillation


def plugin_of(made):
    return next(plugin for plugin in made.strategy.plugins if isinstance(plugin, WeightAligning))


def test_distillation_is_the_cross_entropy_of_softened_outputs():
    logits, taught = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    p, q = (torch.exp(row / 2) / torch.exp(row / 2).sum() for row in (logits[0], taught[0]))
    assert distillation(logits, taught, 2.0).item() == pytest.approx(-(q * torch.log(p)).sum().item())


def test_aligned_weights_have_the_mean_norm_of_the_old_ones():
    weight = torch.tensor([[3.0, 4.0], [0.0, 1.0], [8.0, 0.0], [0.0, 4.0], [9.0, 9.0]])
    align(weight, [0, 1], [2, 3])  # mean norms 3 and 6
    assert weight.tolist() == [[3.0, 4.0], [0.0, 1.0], [4.0, 0.0], [0.0, 2.0], [9.0, 9.0]]


@pytest.mark.parametrize("head", ["single", "growing"])
@pytest.mark.parametrize("rule", [NoRule(), SAM(rho=0.1)], ids=["none", "sam"])
def test_every_pass_has_the_loss_of_the_paper(head, rule):
    losses, made = [], make("wa", head, rule)
    plugin = plugin_of(made)
    mix = plugin.before_backward

    def noted(strategy, **kwargs):
        mix(strategy, **kwargs)
        x, expected = strategy.mb_x, cross_entropy(strategy.mb_output, strategy.mb_y)
        if plugin.teacher is not None:
            with torch.no_grad():
                taught = plugin.teacher(x)[:, :old]
            distilled = distillation(strategy.mb_output[:, :old], taught, 2.0)
            expected = (2 * expected + old * distilled) / (old + 2)
        losses.append((strategy.loss.item(), expected.item()))

    plugin.before_backward = noted
    for experience in range(3):
        old = 2 * experience
        made.strategy.train(made.stream.train[experience])
        assert all(got == pytest.approx(expected, rel=1e-5) for got, expected in losses), experience
    assert len(losses) >= 9


def test_the_classifier_is_aligned_after_each_experience_but_the_first():
    made = make("wa", "single", NoRule())
    head, norms = made.strategy.model.head, []
    for experience in range(3):
        made.strategy.train(made.stream.train[experience])
        norms.append(torch.linalg.vector_norm(head.weight.detach(), dim=1))
    assert norms[1][2:4].mean() == pytest.approx(norms[1][:2].mean().item(), rel=1e-5)
    assert norms[2][4:6].mean() == pytest.approx(norms[2][:4].mean().item(), rel=1e-5)


def test_exemplars_are_chosen_by_herding_and_join_the_data():
    made = make("wa", "single", NoRule())
    plugin, sizes = plugin_of(made), []

    class Sizes(SupervisedPlugin):
        def before_training_epoch(self, strategy, **kwargs):
            sizes.append(len(strategy.adapted_dataset))

    made.strategy.plugins.append(Sizes())
    train(made, 1)
    first = made.stream.train[0].dataset
    with torch.no_grad():
        for label, exemplars in plugin.exemplars.items():
            rows = [i for i in range(len(first)) if int(first[i][1]) == label]
            images = torch.stack([first[i][0] for i in rows])
            order = herded(made.strategy.model.eval().features(images), 6)
            chosen = sorted((position, i) for i, position in enumerate(order.tolist()) if position)
            expected = [images[i] for _, i in chosen]
            assert len(exemplars) == len(expected)
            assert all(torch.equal(exemplars[i][0], image) for i, image in enumerate(expected))
    before = {label: exemplars[0][0] for label, exemplars in plugin.exemplars.items()}
    made.strategy.train(made.stream.train[1])
    made.strategy.train(made.stream.train[2])
    assert [len(exemplars) for exemplars in plugin.exemplars.values()] == [2] * 6  # 12 // 6
    assert all(torch.equal(plugin.exemplars[label][0][0], image) for label, image in before.items())
    assert sizes == [48, 48 + 12, 48 + 12]
