"""Generated images have the requested similarity, and nothing else depends on it."""

import itertools

import numpy as np
import pytest

from lifelong_lb.config import parse_study
from lifelong_lb.data import find_images, load_images
from lifelong_lb.data.generated import GREY, SPREAD


def entry(**settings):
    return parse_study({"streams": {"name": "generated", **settings}}).streams[0]


def source(**settings):
    return find_images(entry(**settings))


@pytest.mark.parametrize("similarity", [0.0, 0.3, 0.5, 0.9, 1.0])
def test_prototypes_have_the_requested_correlation(similarity):
    mu = source(similarity=similarity, experiences=6, classes_per_experience=3, image_size=64).prototypes()
    assert mu.shape == (6, 3, 4096)
    same = [np.corrcoef(mu[s, k], mu[t, k])[0, 1] for s, t in itertools.combinations(range(6), 2) for k in range(3)]
    other = [np.corrcoef(mu[s, 0], mu[t, 1])[0, 1] for s, t in itertools.combinations(range(6), 2)]
    assert same == pytest.approx([similarity] * len(same), abs=0.06)  # four standard errors at 4,096 pixels
    assert other == pytest.approx([0.0] * len(other), abs=0.06)
    assert mu.std(axis=2) == pytest.approx(np.ones((6, 3)), abs=0.05)


def test_images_follow_the_formula():
    """Each class computed from the formula."""
    generated = source(similarity=0.25, noise=0.0, experiences=2, train_images=2, test_images=1)
    prototypes = generated.prototypes()
    shared, specific = (source(similarity=s, experiences=2).prototypes() for s in (1.0, 0.0))
    assert prototypes == pytest.approx(0.5 * shared + np.sqrt(0.75) * specific)
    train, test = generated.read()
    for part, count in ((train, 2), (test, 1)):
        for i, (x, y) in enumerate(zip(part.x, part.y, strict=True)):
            assert y == i // count
            expected = np.clip(np.rint(GREY + SPREAD * prototypes[y // 2, y % 2]), 0, 255)
            assert np.array_equal(x.ravel(), expected)


def test_noise_has_its_deviation_and_differs_from_image_to_image():
    train, test = source(noise=2.0, similarity=1.0, image_size=32).read()
    pixels = np.concatenate([train.x, test.x])[np.concatenate([train.y, test.y]) == 0].astype(float)
    assert pixels.std(axis=0).mean() == pytest.approx(2 * SPREAD, rel=0.05)
    assert len(np.unique(np.concatenate([train.x, test.x]).reshape(-1, 1024), axis=0)) == 10 * 150


def test_data_seed_draws_everything_and_more_experiences_change_no_images():
    first, again, other = (load_images(source(data_seed=seed)) for seed in (0, 0, 1))
    assert first.sha256 == again.sha256 != other.sha256
    assert first.sha256 == "1f6b1b4633f01f83"  # pins the results of existing studies
    more = load_images(source(experiences=7))
    assert (more.train.x[: len(first.train.x)] == first.train.x).all()


def test_experiences_are_equal_at_similarity_one():
    train, _ = source(similarity=1.0, noise=0.0).read()
    images = train.x.reshape(5, 2, 100, 64)
    assert (images == images[:1]).all()


def test_transfer_between_experiences_grows_with_similarity():
    """Images of the second experience are classified by the nearest class mean of the first."""
    accuracies = []
    for similarity in (0.0, 0.5, 0.9, 1.0):
        train, test = source(similarity=similarity, classes_per_experience=5, train_images=200, test_images=200).read()
        means = [train.x[train.y == k].mean(axis=0).ravel() for k in range(5)]
        second = test.x[(test.y >= 5) & (test.y < 10)].reshape(1000, -1).astype(float)
        distances = [((second - mean) ** 2).sum(axis=1) for mean in means]
        accuracies.append(float(np.mean(np.argmin(distances, axis=0) == np.repeat(np.arange(5), 200))))
    assert accuracies == sorted(accuracies)
    assert accuracies[0] < 0.4  # chance is 0.2
    assert accuracies[2] > 0.8
