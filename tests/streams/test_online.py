"""Online streams: every image arrives once, in chunks; evaluation is unchanged."""

import pytest
import torch
from avalanche.benchmarks.scenarios.generic_scenario import MaskedAttributeError
from avalanche.core import SupervisedPlugin
from avalanche.training.plugins import EvaluationPlugin, ReplayPlugin
from avalanche.training.storage_policy import ReservoirSamplingBuffer
from avalanche.training.supervised import Naive
from torch.nn.functional import cross_entropy

from lifelong_lb.config import MODEL_ENTRIES, parse_study
from lifelong_lb.data.image_tensors import ImageData, ImageTensors
from lifelong_lb.models import build_model
from lifelong_lb.seeding import seed_all
from lifelong_lb.strategies import SeparateSeeds
from lifelong_lb.streams import split_stream, training_chunks

pytestmark = pytest.mark.filterwarnings("ignore:Call to deprecated function update:DeprecationWarning")


def part(each):
    """Images whose first pixel is their index, so that every image is identifiable."""
    y = torch.arange(10).repeat(each)
    x = torch.randint(0, 256, (len(y), 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    x[:, 0, 0, 0] = torch.arange(len(y)).to(torch.uint8)
    return ImageTensors(x, y)


IMAGES = ImageData(part(23), part(2), (0.5,), (0.25,), "made up", "")


def stream_of(**settings):
    raw = {"name": "split-digits", "scenario": "class-incremental", "experiences": 2, "chunk": 10, **settings}
    entry = parse_study({"streams": raw}).streams[0]
    return entry, split_stream(entry, IMAGES, seed=0)


def numbers(experience):
    return [int(x[0, 0, 0]) for x, *_ in experience.dataset]


@pytest.mark.parametrize(("chunk", "sizes"), [(10, [10] * 11 + [5]), (23, [23] * 5), (115, [115]), (1000, [115])])
def test_every_image_arrives_once_in_its_experience(chunk, sizes):
    entry, stream = stream_of(chunk=chunk)
    position = 0
    for i, experience in enumerate(stream.train):
        chunks = list(training_chunks(stream.train, i, entry, seed=3))
        assert [len(c.dataset) for c in chunks] == sizes
        arrived = [number for c in chunks for number in numbers(c)]
        assert sorted(arrived) == sorted(numbers(experience))
        assert arrived != numbers(experience)
        assert [c.is_first_subexp for c in chunks] == [True] + [False] * (len(sizes) - 1)
        assert [c.is_last_subexp for c in chunks] == [False] * (len(sizes) - 1) + [True]
        assert [c.current_experience for c in chunks] == list(range(position, position + len(sizes)))
        assert {c.sub_stream_length for c in chunks} == {len(sizes)}
        position += len(sizes)
        for c in chunks:
            assert c.origin_experience is experience
            assert c.task_labels == [0]
            assert c.classes_in_this_experience == {int(y) for _, y, _ in c.dataset}


def test_a_stream_without_chunks_is_unchanged():
    entry, stream = stream_of(chunk=None)
    assert list(training_chunks(stream.train, 1, entry, seed=0)) == [stream.train[1]]


def test_the_order_depends_on_the_seed_alone():
    entry, stream = stream_of()
    orders = [[numbers(c) for c in training_chunks(stream.train, 0, entry, seed)] for seed in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1]


def test_boundaries_are_accessible_only_if_task_boundaries_is_true():
    for known in (False, True):
        entry, stream = stream_of(task_boundaries=known)
        chunk = next(training_chunks(stream.train, 0, entry, seed=0)).train()
        if known:
            assert chunk.is_first_subexp
        else:
            with pytest.raises(MaskedAttributeError):
                _ = chunk.is_first_subexp


def strategy_for(stream, head="single", plugins=(), epochs=1):
    seed_all(0, "initialisation")
    model = build_model(MODEL_ENTRIES["mlp"](head=head, hidden=(8,)), stream.shape).double()
    return Naive(
        model=model,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.1),
        train_mb_size=10,
        train_epochs=epochs,
        eval_mb_size=50,
        plugins=[SeparateSeeds(0), *plugins],
        evaluator=EvaluationPlugin(loggers=[], collect_all=False),
    )


def test_training_on_chunks_equals_sgd_in_order_of_arrival():
    """With one minibatch per chunk: a plain loop with three steps per chunk."""
    entry, stream = stream_of()
    strategy = strategy_for(stream, epochs=3)
    for i in range(2):
        strategy.train(training_chunks(stream.train, i, entry, seed=0), eval_streams=[])
    expected = strategy_for(stream).model
    optimizer = torch.optim.SGD(expected.parameters(), lr=0.1)
    for i in range(2):
        for chunk in training_chunks(stream.train, i, entry, seed=0):
            x, y = torch.stack([x for x, *_ in chunk.dataset]), torch.tensor([int(y) for _, y, _ in chunk.dataset])
            for _ in range(3):
                optimizer.zero_grad()
                cross_entropy(expected(x), y).backward()
                optimizer.step()
    for mine, other in zip(strategy.model.parameters(), expected.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=1e-12)


class ContentRecorder(SupervisedPlugin):
    """Records the images of each minibatch and, after each chunk, of the memory."""

    def __init__(self, memory):
        super().__init__()
        self.memory, self.minibatches, self.contents = memory, [], []

    def after_training_iteration(self, strategy, **kwargs):
        self.minibatches.append([int(x[0, 0, 0]) for x in strategy.mb_x])

    def after_training_exp(self, strategy, **kwargs):
        self.contents.append([int(x[0, 0, 0]) for x, *_ in self.memory.buffer])


def test_a_reservoir_stores_each_chunk_and_replays_earlier_ones():
    entry, stream = stream_of()
    memory = ReservoirSamplingBuffer(30)
    recorder = ContentRecorder(memory)
    strategy = strategy_for(stream, plugins=[ReplayPlugin(30, storage_policy=memory), recorder])
    arrived = []
    for i in range(2):
        arrived += [numbers(c) for c in training_chunks(stream.train, i, entry, seed=0)]
        strategy.train(training_chunks(stream.train, i, entry, seed=0), eval_streams=[])
    assert len(recorder.minibatches) == len(recorder.contents) == len(arrived) == 24
    seen = set()
    for step, (minibatch, content) in enumerate(zip(recorder.minibatches, recorder.contents, strict=True)):
        new = len(arrived[step])
        assert sorted(minibatch[:new]) == sorted(arrived[step])
        assert len(minibatch) == (10 if step == 0 else new + 10)
        assert set(minibatch[new:]) <= (set(recorder.contents[step - 1]) if step else set())
        seen |= set(arrived[step])
        assert len(content) == len(set(content)) == min(30, len(seen))
        assert set(content) <= seen
    first = {n for chunk in arrived[:12] for n in chunk}
    assert 5 <= len(first & set(recorder.contents[-1])) <= 25  # 15 of 30 on average


class Widths(SupervisedPlugin):
    """Records the number of active outputs of the head at each minibatch."""

    def __init__(self):
        super().__init__()
        self.counts = []

    def after_forward(self, strategy, **kwargs):
        self.counts.append(int(strategy.model.head.active_units.sum()))


@pytest.mark.parametrize("known", [True, False])
def test_a_growing_head_grows_with_the_known_classes(known):
    entry, stream = stream_of(task_boundaries=known, chunk=2)
    widths = Widths()
    strategy = strategy_for(stream, head="growing", plugins=[widths])
    strategy.train(training_chunks(stream.train, 0, entry, seed=0), eval_streams=[])
    assert widths.counts[-1] == 5
    assert widths.counts == sorted(widths.counts)
    assert widths.counts[0] == 5 if known else widths.counts[0] <= 2
