"""Streams with a source of images per experience: ``sources`` and ``folders``."""

import numpy as np
import pytest
import torch
from helpers.image_files import write_folders
from PIL import Image

from lifelong_lb.config import UserError, parse_study, read_study
from lifelong_lb.config.entries.streams.several_sources import DATA_SETS
from lifelong_lb.data import DATASETS, MissingImagesError, find_images, load_images
from lifelong_lb.data.combined.resizing import resized
from lifelong_lb.data.layouts import array_files, picture_files
from lifelong_lb.streams import build_stream
from lifelong_lb.studies.planning.validate import plan_of


def entry(**settings):
    return parse_study({"streams": settings}).streams[0]


def write_arrays(path, labels, size=6, channels=1, names=None, seed=0):
    """Four training and two test images per label."""
    draw = np.random.default_rng(seed)
    shape = (size, size) if channels == 1 else (size, size, channels)
    parts = {}
    for part, each in (("train", 4), ("test", 2)):
        parts[f"x_{part}"] = draw.integers(0, 256, (each * len(labels), *shape), dtype=np.uint8)
        parts[f"y_{part}"] = np.repeat(labels, each)
    np.savez(path, **parts, **({} if names is None else {"class_names": np.array(names)}))
    return {"path": str(path)}


def built(settings, tmp_path, seed=0):
    one = entry(**settings)
    return build_stream(one, load_images(find_images(one), tmp_path / "cache"), seed)


def test_the_names_of_data_sets_are_those_that_can_be_found():
    assert set(DATA_SETS) == set(DATASETS)


def test_a_domain_stream_has_one_source_per_experience(tmp_path):
    sources = [write_arrays(tmp_path / "a.npz", [3, 5, 9]), write_arrays(tmp_path / "b.npz", [3, 5, 9], seed=1)]
    stream = built({"name": "sources", "sources": sources}, tmp_path)
    assert (stream.shape.experiences, stream.shape.classes, stream.shape.classes_an_experience) == (2, 3, 3)
    assert stream.class_order == (0, 1, 2, 1000, 1001, 1002)
    assert stream.label_map[1001] == (1, 0, 1)
    for path, experience in zip(("a.npz", "b.npz"), stream.train, strict=True):
        content = np.load(tmp_path / path)
        x = torch.stack([image for image, *_ in experience.dataset])
        assert np.array_equal(x[:, 0].numpy(), content["x_train"])
        assert list(experience.dataset.targets) == (np.searchsorted([3, 5, 9], content["y_train"])).tolist()
        assert experience.task_labels == [0]


def test_classes_of_a_domain_stream_are_matched_by_name(tmp_path):
    first = write_arrays(tmp_path / "a.npz", [0, 1], names=["cat", "dog"])
    second = write_arrays(tmp_path / "b.npz", [0, 2], names=["dog", "", "cat"])
    stream = built({"name": "sources", "sources": [first, second]}, tmp_path)
    y = np.load(tmp_path / "b.npz")["y_train"]
    assert list(stream.train[1].dataset.targets) == [{0: 1, 2: 0}[label] for label in y]
    assert stream.class_names == tuple(f"{one['path']} {name}" for one in (first, second) for name in ("cat", "dog"))


@pytest.mark.parametrize("scenario", ["class-incremental", "task-incremental"])
def test_classes_of_other_streams_are_new_and_may_be_of_any_number(scenario, tmp_path):
    sources = [write_arrays(tmp_path / "a.npz", [0, 1, 2]), write_arrays(tmp_path / "b.npz", [0, 1])]
    stream = built({"name": "sources", "sources": sources, "scenario": scenario}, tmp_path)
    assert stream.shape.classes_an_experience == (3, 2)
    expected = {0, 1} if scenario == "task-incremental" else {3, 4}
    assert stream.train[1].classes_in_this_experience == expected
    assert stream.test[1].classes_in_this_experience == expected


def test_images_are_brought_to_one_size_and_colour(tmp_path):
    grey, colour = write_arrays(tmp_path / "a.npz", [0, 1]), write_arrays(tmp_path / "b.npz", [0, 1], 8, 3)
    settings = {"name": "sources", "sources": [grey, colour]}
    for channels, expected in ((None, 3), (3, 3), (1, 1)):
        stream = built({**settings, "image_size": 4, "channels": channels}, tmp_path)
        assert stream.shape.image == (expected, 4, 4)
        assert len(stream.shape.mean) == expected
    with pytest.raises(UserError, match=r"a\.npz have 6 x 6 pixels, those of .*b\.npz 8 x 8; set image_size, e\.g\. 8"):
        built(settings, tmp_path)


@pytest.mark.parametrize("quick", [False, True])
def test_validate_refuses_different_sizes_with_the_sentence_of_run(quick, tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    if not quick:  # only headers are read
        monkeypatch.setattr(array_files, "QUICK_BYTES", 0)
        monkeypatch.setattr(picture_files, "QUICK_PICTURES", 0)
    arrays = write_arrays(tmp_path / "a.npz", [0, 1], 8)
    write_folders(tmp_path / "b", ("cat", "dog"), each=(3, 2), size=6)
    settings = {"name": "sources", "sources": [arrays, {"path": str(tmp_path / "b")}], "scenario": "class-incremental"}
    with pytest.raises(UserError) as of_run:
        built(settings, tmp_path)
    with pytest.raises(UserError) as of_validate:
        find_images(entry(**settings)).check()
    assert str(of_validate.value) == str(of_run.value)
    assert "b 6 x 6; set image_size, e.g. 8, to bring all of them to one size" in str(of_validate.value)
    assert find_images(entry(**settings, image_size=4)).check().size == (4, 4)
    assert find_images(entry(**settings, image_size=4, channels=1)).check().shape == (1, 4, 4)


def test_headers_tell_the_shape_of_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(array_files, "QUICK_BYTES", 0)
    grey, colour = write_arrays(tmp_path / "a.npz", [0, 1]), write_arrays(tmp_path / "b.npz", [0, 1], 6, 3)
    checked = find_images(entry(name="sources", sources=[grey, colour])).check()
    assert checked.shape == (3, 6, 6)
    assert "only the shapes" in checked.note


def test_embedded_data_needs_no_files(tmp_path):
    stream = built({"name": "sources", "sources": [{"name": "split-digits"}], "image_size": 4}, tmp_path)
    assert stream.shape.image == (1, 4, 4)
    assert sum(len(experience.dataset) for experience in stream.train) == 1442


def test_resizing_is_that_of_pillow_and_keeps_a_constant():
    x = np.random.default_rng(0).integers(0, 256, (2, 3, 9, 7), dtype=np.uint8)
    picture = Image.fromarray(x[1].transpose(1, 2, 0)).resize((5, 5), Image.Resampling.BILINEAR)
    assert np.array_equal(resized(x, 5, 3, "")[1], np.asarray(picture).transpose(2, 0, 1))
    assert (resized(np.full((1, 1, 8, 8), 77, np.uint8), 3, 3, "") == 77).all()
    luminance = np.array([0.299, 0.587, 0.114]) @ x.reshape(2, 3, -1)
    assert np.abs(resized(x, None, 1, "").reshape(2, -1) - luminance).max() <= 1
    assert resized(x, None, 3, "") is x
    edge = np.zeros((1, 1, 2, 4), np.uint8)
    edge[..., 2:] = 200
    # halving: a triangle of two pixels to each side, centred between pixels 0 and 1: weights 3/7, 3/7, 1/7
    assert resized(edge, 2, 1, "")[0, 0].tolist() == [[round(200 / 7), round(1200 / 7)]] * 2


def write_experiences(root, **classes):
    for name, own in classes.items():
        write_folders(root / name, own, each=(3, 2), size=6)
    return str(root)


def test_folders_are_experiences_in_the_order_of_their_names(tmp_path):
    source = write_experiences(tmp_path / "root", b=("x", "y", "z"), a=("x", "w"))
    stream = built({"name": "folders", "source": source, "experiences": 2, "scenario": "task-incremental"}, tmp_path)
    assert stream.shape.classes_an_experience == (2, 3)
    assert stream.class_names == ("a w", "a x", "b x", "b y", "b z")
    listed = {"name": "folders", "source": source, "experiences": ["b", "a"], "scenario": "class-incremental"}
    assert built(listed, tmp_path).class_names == ("b x", "b y", "b z", "a w", "a x")


def test_folders_with_the_same_classes_are_domains(tmp_path):
    source = write_experiences(tmp_path / "root", art=("cat", "dog"), photo=("cat", "dog"))
    stream = built({"name": "folders", "source": source, "experiences": ["photo", "art"]}, tmp_path)
    assert stream.shape.classes == 2
    assert [sorted(set(e.dataset.targets)) for e in stream.train] == [[0, 1], [0, 1]]


def test_paths_are_relative_to_the_study_file(tmp_path):
    write_arrays(tmp_path / "a.npz", [0, 1])
    write_arrays(tmp_path / "b.npz", [0, 1])
    path = tmp_path / "study.yaml"
    path.write_text("streams: {name: sources, sources: [{path: a.npz}, {path: b.npz}]}\n")
    study = read_study(path)
    assert find_images(study.streams[0]).labels() == [0, 1, 1000, 1001]
    plan = plan_of(study)
    assert [len(one) for one in (plan.images[0].train, plan.images[0].test)] == [16, 8]
    assert len(plan.trainings) == plan.total


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"sources": []}, "sources: must not be empty"),
        ({}, "sources: needs a value; got none"),
        ({"sources": [{"name": "mnst"}]}, "unknown data set 'mnst'; did you mean 'mnist'"),
        (
            {"sources": [{}]},
            r"sources\[0\]: must have the name of a data set, or the path of your own images; got none",
        ),
        ({"sources": [{"name": "mnist", "path": "x"}]}, "or the path of your own images; got both"),
        ({"sources": [{"folder": "x"}]}, "unknown key 'folder'"),
        (
            {"sources": [{"name": "digits"}, "usps"]},
            r"sources\[1\]: must be a mapping of settings, e\.g\. {name: mnist} or {path: usps\.npz}; got 'usps'",
        ),
        ({"sources": [3]}, r"sources\[0\]: must be a mapping of settings, e\.g\. .*; got 3"),
        (
            {"sources": [{"name": "usps"}]},
            r"data set 'usps'.* \(known: .*\); write {path: \.\.\.} for files of your own",
        ),
        ({"sources": [{"name": "mnist"}, {"name": "split-mnist"}]}, "sources must be different; got 'mnist' twice"),
        (
            {"sources": [{"name": "mnist"}, {"name": "digits"}], "experiences": 3},
            "experiences must be left out, or the number of sources, 2",
        ),
        ({"sources": [{"name": "mnist"}], "channels": 2}, "channels: must be 1 or 3; got 2"),
        ({"sources": [{"name": "mnist"}], "image_size": 0}, "image_size: must be a whole number >= 1; got 0"),
    ],
)
def test_bad_sources_are_named(settings, message):
    with pytest.raises(UserError, match=message):
        entry(name="sources", **settings)


@pytest.mark.parametrize(
    ("experiences", "message"),
    [
        (0, "experiences: must be a whole number >= 1; got 0"),
        ([], "experiences: must not be empty"),
        (["a", "a"], "experiences: must be different folders; got 'a' twice"),
        (["../a"], r"experiences\[0\]: must be the name of a folder in source; got '../a'"),
        ([3], r"experiences\[0\]: must be the name of a folder in source; got 3"),
    ],
)
def test_bad_folders_are_named(experiences, message):
    with pytest.raises(UserError, match=message):
        entry(name="folders", source="x", experiences=experiences)


def test_folders_that_do_not_fit_are_named(tmp_path):
    source = write_experiences(tmp_path / "root", art=("cat", "dog"), photo=("cat", "cow"))
    settings = {"name": "folders", "source": source}
    with pytest.raises(UserError, match=r"experiences must be the number of folders in .*root, 2, or a list of"):
        find_images(entry(**settings, experiences=3))
    with pytest.raises(UserError, match="unknown folder 'arts'; did you mean 'art'"):
        find_images(entry(**settings, experiences=["arts"]))
    with pytest.raises(UserError, match="must have the same classes; class 'dog' is missing in photo; set scenario"):
        find_images(entry(**settings, experiences=2)).labels()
    with pytest.raises(MissingImagesError, match="source 'nowhere' was not found"):
        find_images(entry(name="folders", source="nowhere", experiences=2))


def test_an_additional_class_is_named(tmp_path):
    sources = [write_arrays(tmp_path / "a.npz", [0, 1]), write_arrays(tmp_path / "b.npz", [0, 1, 2])]
    with pytest.raises(UserError, match=r"must have the same classes; class '2' is missing in .*a\.npz"):
        find_images(entry(name="sources", sources=sources)).labels()
