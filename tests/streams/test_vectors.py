"""The stream ``vectors``: files, standardisation, models."""

import numpy as np
import pandas as pd
import pytest
import torch

from lifelong_lb.config import MODEL_ENTRIES, UserError, parse_study
from lifelong_lb.data import find_images, load_images
from lifelong_lb.models import build_model
from lifelong_lb.streams import build_stream

F = 3


def arrays(labels=(0, 1, 2, 3), seed=0):
    """Six training and two test vectors per label, on different scales; the last feature is constant in training."""
    draw = np.random.default_rng(seed)
    parts = {}
    for part, each in (("train", 6), ("test", 2)):
        y = np.repeat(labels, each)
        x = draw.normal(size=(len(y), F)) * [1, 100, 0] + [0, 50, 0.1] + y[:, None] * [1, 1, 0]
        parts |= {f"x_{part}": x, f"y_{part}": y}
    return parts


def write_npz(folder, **changes):
    np.savez(folder / "v.npz", **{**arrays(), **changes})
    return str(folder / "v.npz")


def frames(content, name=lambda label: label):
    for part in ("train", "test"):
        frame = pd.DataFrame(content[f"x_{part}"], columns=["a", "b", "c"])
        yield part, frame.assign(label=[name(label) for label in content[f"y_{part}"]])


def write_tables(folder, ending, change=lambda part, frame: frame, **options):
    for part, frame in frames(arrays(), **options):
        changed = change(part, frame)
        if ending == "csv":
            changed.to_csv(folder / f"{part}.csv", index=False)
        else:
            changed.to_parquet(folder / f"{part}.parquet")
    return str(folder)


def entry(source, **settings):
    return parse_study({"streams": {"name": "vectors", "source": source, "experiences": 2, **settings}}).streams[0]


def loaded(source, tmp_path, **settings):
    one = entry(source, **settings)
    return one, load_images(find_images(one), tmp_path / "cache")


def stream_of(source, tmp_path, **settings):
    return build_stream(*loaded(source, tmp_path, **settings), 0)


def rows(experience):
    return torch.stack([x for x, *_ in experience.dataset])[:, 0, 0]


def test_npz_csv_and_parquet_hold_the_same_vectors(tmp_path):
    sources = [write_npz(tmp_path)]
    for ending in ("csv", "parquet"):
        (tmp_path / ending).mkdir()
        sources.append(write_tables(tmp_path / ending, ending))
    first, *others = [loaded(source, tmp_path)[1] for source in sources]
    assert first.train.x.dtype == torch.float32
    assert np.array_equal(first.train.x[:, 0, 0].numpy(), arrays()["x_train"].astype(np.float32))
    for other in others:
        assert torch.equal(other.train.x, first.train.x)
        assert torch.equal(other.test.x, first.test.x)
        assert other.sha256 == first.sha256
    assert torch.equal(loaded(sources[0], tmp_path)[1].train.x, first.train.x)  # from the cache


def test_features_are_standardised_by_the_first_experience(tmp_path):
    stream = stream_of(write_npz(tmp_path), tmp_path, experiences=[[2, 0], [1, 3]])
    content = arrays()
    x, y = content["x_train"], content["y_train"]
    first = x[(y == 0) | (y == 2)]
    scale = np.append(first[:, :2].std(axis=0), 1)  # the constant feature is only centred
    for i, labels in enumerate([(0, 2), (1, 3)]):
        for part, streams in (("train", stream.train), ("test", stream.test)):
            own = content[f"x_{part}"][np.isin(content[f"y_{part}"], labels)]
            expected = torch.tensor((own - first.mean(axis=0)) / scale, dtype=torch.float32)
            torch.testing.assert_close(rows(streams[i]), expected)
    assert stream.shape.image == (1, 1, F)


@pytest.mark.parametrize(
    ("standardise", "mean", "deviation"),
    [("none", [0, 0, 0], [1, 1, 1]), ([[1, 2, 3], [4, 5, 6]], [1, 2, 3], [4, 5, 6])],
)
def test_given_statistics(standardise, mean, deviation, tmp_path):
    fixed = {"experiences": [[0, 1], [2, 3]], "standardise": standardise}
    stream = stream_of(write_npz(tmp_path), tmp_path, **fixed)
    expected = (arrays()["x_train"][:12] - np.array(mean)) / np.array(deviation)
    torch.testing.assert_close(rows(stream.train[0]), torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize(("name", "parameters"), [("linear", (F + 1) * 4), ("mlp", (F + 1) * 5 + (5 + 1) * 4)])
def test_models_take_vectors_as_they_are(name, parameters, tmp_path):
    shape = stream_of(write_npz(tmp_path), tmp_path, scenario="class-incremental").shape
    settings = {"hidden": (5,)} if name == "mlp" else {}
    model = build_model(MODEL_ENTRIES[name](head="single", **settings), shape)
    assert sum(each.numel() for each in model.parameters()) == parameters
    x = torch.randn(2, 1, 1, F)
    assert torch.equal(model.normalise(x), x)
    if name == "linear":
        torch.testing.assert_close(model(x), x.flatten(1) @ model.head.weight.T + model.head.bias)


def test_names_of_classes_are_labels_in_alphabetical_order(tmp_path):
    source = write_tables(tmp_path, "csv", name=lambda label: "dcba"[label])
    one, vectors = loaded(source, tmp_path, experiences=[["d"], ["a", "b", "c"]])
    assert vectors.train.class_names == ("a", "b", "c", "d")
    assert vectors.train.y.tolist() == [3] * 6 + [2] * 6 + [1] * 6 + [0] * 6
    assert build_stream(one, vectors, 0).class_names == ("d", "a", "b", "c")


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_features_that_are_not_finite_are_named(value, tmp_path):
    x = arrays()["x_train"]
    x[4, 1] = value
    message = r"features must be finite numbers of float32; got .* in row 5, feature '1'"
    with pytest.raises(UserError, match=message):
        loaded(write_npz(tmp_path, x_train=x), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_test": np.zeros((8, 2))}, "training vectors have 3 features, test vectors 2"),
        ({"x_train": np.zeros((24, 2, 2))}, r"x_train must be numbers \(N, F\), one row per vector; got float64"),
        ({"x_train": np.array([["a"]])}, r"x_train must be numbers \(N, F\)"),
        ({"y_train": np.arange(3)}, r"labels must be 24 integers, at least one; got int64 \(3,\)"),
        ({"y_train": np.full(24, 0.5)}, "labels must be 24 integers"),
    ],
)
def test_bad_arrays_are_named(changes, message, tmp_path):
    with pytest.raises(UserError, match=message):
        loaded(write_npz(tmp_path, **changes), tmp_path)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda part, frame: frame.rename(columns={"label": "kind"}),
            "no column label or labels or class or target; its",
        ),
        (lambda part, frame: frame[["label"]], "no columns of features besides label"),
        (lambda part, frame: frame.drop(columns="b") if part == "test" else frame, r"test\.\w+: no column 'b', which"),
        (lambda part, frame: frame.assign(d=1) if part == "test" else frame, "column 'd' is not in train"),
        (lambda part, frame: frame.assign(b="x"), "column 'b' must hold numbers; got 'x' in row 1"),
        (lambda part, frame: frame.assign(b=[None, *frame["b"][1:]]), "finite numbers of float32; got nan in row 1"),
        (lambda part, frame: frame.assign(label=0.5), "column label must hold integers or names of classes; got 0.5"),
        (lambda part, frame: frame[:0], "has no rows|must hold numbers"),
    ],
)
def test_bad_tables_are_named(ending, change, message, tmp_path):
    with pytest.raises(UserError, match=message):
        loaded(write_tables(tmp_path, ending, change), tmp_path)


def test_a_damaged_table_and_a_missing_one_are_named(tmp_path):
    source = write_tables(tmp_path, "parquet")
    (tmp_path / "test.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match=r"test\.parquet: not a valid table"):
        loaded(source, tmp_path)
    (tmp_path / "test.parquet").unlink()
    with pytest.raises(UserError, match=r"test\.parquet: (missing|cannot be read)"):
        loaded(source, tmp_path)
    (tmp_path / "train.parquet").unlink()
    with pytest.raises(UserError, match=r"no vectors in a known layout: an \.npz file with x_train"):
        loaded(source, tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"normalise": "none"}, "normalise is for images; use standardise for vectors; got 'none'"),
        ({"standardise": "dataset"}, "standardise: must be 'first' or 'none'; got 'dataset'"),
        ({"standardise": [[0.0], [0]]}, r"standardise\[1\]\[0\]: must be a finite number > 0; got 0"),
        ({"standardise": [[0, 0], [1]]}, "standardise must have as many means as deviations; got 2 and 1"),
        ({"image_size": 8}, "unknown key 'image_size'"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        entry("v.npz", **settings)


def test_statistics_of_another_number_of_features_are_named(tmp_path):
    with pytest.raises(UserError, match="must have 3 means and deviations, one per feature of .*; got 2"):
        stream_of(write_npz(tmp_path), tmp_path, standardise=[[0, 0], [1, 1]])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "resnet18"}, r"model: streams\[0\] has vectors, which need the model mlp or linear; got 'resnet18'"),
        (
            {"train": {"random_flip": True}},
            r"train\.random_flip: is for images, but streams\[0\] has vectors; got True",
        ),
        ({"train": {"random_crop": 4}}, r"train\.random_crop: is for images, but streams\[0\] has vectors; got 4"),
    ],
)
def test_settings_of_images_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        parse_study({"streams": {"name": "vectors", "source": "v.npz"}, **changes})
