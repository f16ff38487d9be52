"""Small files in the layout of CORe50: its lists of batches, read as Avalanche reads them."""

import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from avalanche.benchmarks.classic import CORe50
from helpers.image_files import write_pictures
from torchvision.transforms import PILToTensor

from lifelong_lb import run_study
from lifelong_lb.config import UserError, parse_study
from lifelong_lb.config.entries.streams.known_sequences import CORE50_BATCHES
from lifelong_lb.data import find_images, load_images
from lifelong_lb.data.experiences import learnt_labels
from lifelong_lb.streams import build_stream


def entry(**settings):
    return parse_study({"streams": settings}).streams[0]


def loaded(one, root):
    return load_images(find_images(one, [root]), root / "cache")


def write_core50(root, protocol, batches, tested, run=0):
    """Lists of ``(session, object, label)``, with two pictures each."""
    (root / "batches_filelists").mkdir(parents=True, exist_ok=True)
    second = protocol.startswith("NICv2-")
    kind = f"NIC_v2_{len(batches)}" if second else f"batches_filelists/{protocol}_inc"
    lists = root / kind / f"run{run}"
    lists.mkdir(parents=True)
    for name, items in [*((f"train_batch_{i:02d}", batch) for i, batch in enumerate(batches)), ("test", tested)]:
        lines = []
        for session, thing, label in items:
            folder = root / "core50_32x32" / f"s{session}" / f"o{thing}"
            if not folder.exists():
                write_pictures(
                    folder, range(2), 32, name=f"C_{session:02d}_{thing:02d}_{{:03d}}.png", seed=100 * session + thing
                )
            lines += [f"s{session}/o{thing}/C_{session:02d}_{thing:02d}_{k:03d}.png {label}" for k in range(2)]
        (lists / f"{name}_filelist.txt").write_text("\n".join(lines) + "\n")
    return lists


def new_classes(root):
    """Two objects in the first batch, one in each other; the labels are in the order of the batches."""
    batches = [[(1, 7, 0), (1, 3, 1)], *([(1, 10 + i, 1 + i)] for i in range(1, 9))]
    return write_core50(root, "NC", batches, [(3, 7, 0), (3, 3, 1), *((3, 10 + i, 1 + i) for i in range(1, 9))])


def test_new_classes_of_core50(tmp_path):
    new_classes(tmp_path / "core50")
    one = entry(name="core50")
    stream = build_stream(one, loaded(one, tmp_path), 0)
    assert (one.experiences, one.scenario) == (9, "class-incremental")
    assert stream.shape.classes_an_experience == (2, 1, 1, 1, 1, 1, 1, 1, 1)
    assert [len(experience.dataset) for experience in stream.train] == [4, *[2] * 8]
    assert [len(experience.dataset) for experience in stream.test] == [4, *[2] * 8]
    assert stream.class_names[:3] == ("batch 0 object 0", "batch 0 object 1", "batch 1 object 2")


def test_new_instances_of_core50_share_their_test_part(tmp_path):
    write_core50(tmp_path / "core50", "NI", [[(i, 1, 0), (i, 2, 1)] for i in range(1, 9)], [(9, 1, 0), (9, 2, 1)])
    one = entry(name="core50", protocol="NI", image_size=16)
    stream = build_stream(one, loaded(one, tmp_path), 0)
    assert (one.length, stream.shape.classes, stream.shape.image) == (8, 2, (3, 16, 16))
    assert [len(experience.dataset) for experience in stream.train] == [4] * 8
    first = torch.stack([x for x, *_ in stream.test[0].dataset])
    for experience in stream.test:
        assert list(experience.dataset.targets) == [0, 0, 1, 1]
        assert torch.equal(torch.stack([x for x, *_ in experience.dataset]), first)
    held = entry(name="core50", protocol="NI", image_size=16, validation=0.5, evaluate="validation")
    measured = build_stream(held, loaded(held, tmp_path), 0).test
    assert [len(experience.dataset) for experience in measured] == [2] * 8


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("s1/o7/none.png 0", r"none\.png: missing, but in line 1 of .*train_batch_04_filelist\.txt"),
        ("../o7/C.png 0", "line 1: must be s<session>/o<object>/<picture> <label>; got '../o7/C.png 0'"),
        ("s1/o7/C_01_07_000.png zero", "must be s<session>/o<object>/<picture> <label>"),
        ("s1/o7/C_01_07_000.png 0", "class 0 is in two batches"),
    ],
)
def test_bad_lists_of_core50_are_named(line, message, tmp_path):
    (new_classes(tmp_path) / "train_batch_04_filelist.txt").write_text(line)
    with pytest.raises(UserError, match=message):
        find_images(entry(name="core50"), [tmp_path]).labels()


def test_a_missing_run_of_core50_is_named(tmp_path):
    new_classes(tmp_path)
    with pytest.raises(UserError, match=r"run3/train_batch_00_filelist\.txt: missing"):
        find_images(entry(name="core50", run=3), [tmp_path]).labels()


def new_instances_and_classes(root, protocol="NIC"):
    """Objects 5, 2 and 7 in the first batch; then in turn a known object in a new session, or a new object, as far as
    there are twelve.
    """
    seen, batches = [5, 2, 7], [[(1, 5, 5), (1, 2, 2), (1, 7, 7)]]
    for i in range(1, CORE50_BATCHES[protocol]):
        new = i % 5 == 1 and len(seen) < 12
        thing = min(set(range(12)) - set(seen)) if new else seen[i % len(seen)]
        seen += [thing] * new
        batches.append([(1 + i % 8, thing, thing)])
    return write_core50(root, protocol, batches, [(9, thing, thing) for thing in range(12)])


def write_pickles(root, protocol, lists):
    """Files that Avalanche opens beside the lists, without using them for its benchmark."""
    names = [f"train_batch_{i:02d}" for i in range(8)] + ["test"]
    paths, labels = [], []
    for name in names:
        lines = [line.rsplit(" ", 1) for line in (lists / f"{name}_filelist.txt").read_text().splitlines()]
        paths += [path for path, _ in lines]
        labels.append([int(label) for _, label in lines])
    ends = np.cumsum([0, *map(len, labels)])
    positions = [list(range(*pair)) for pair in zip(ends[:-1], ends[1:], strict=True)]
    contents = {"paths": paths, "labels": {"ni": [labels]}, "LUP": {"ni": [positions]}, "labels2names": {}}
    for name, content in contents.items():
        (root / f"{name}.pkl").write_bytes(pickle.dumps(content))
    (root / "NIC_v2_79_cat").mkdir()


def avalanche_experience(dataset, label_of):
    """Images and labels of an experience of Avalanche, as a multiset."""
    to_tensor = PILToTensor()
    return Counter(
        (to_tensor(dataset[i][0]).numpy().tobytes(), label_of(int(dataset[i][1]))) for i in range(len(dataset))
    )


def our_experience(dataset):
    return Counter((x.numpy().tobytes(), int(y)) for x, y, _ in (dataset[i] for i in range(len(dataset))))


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["NI", "NC", "NIC", "NICv2-79", "NICv2-196"])
def test_experiences_are_those_of_avalanche(protocol, tmp_path):
    if protocol == "NI":
        lists = write_core50(tmp_path, "NI", [[(i, 1, 0), (i, 2, 1)] for i in range(1, 9)], [(9, 1, 0), (9, 2, 1)])
    elif protocol == "NC":
        lists = new_classes(tmp_path)
    else:
        lists = new_instances_and_classes(tmp_path, protocol)
    write_pickles(tmp_path, protocol, lists)
    scenario = protocol.lower().replace("-", "_")
    theirs = CORe50(scenario=scenario, mini=True, dataset_root=tmp_path, train_transform=None, eval_transform=None)
    one = entry(name="core50", protocol=protocol)
    ours = build_stream(one, loaded(one, tmp_path), 0)
    assert len(ours.train) == len(theirs.train_stream) == one.length == CORE50_BATCHES[protocol]
    order = {}  # Avalanche keeps the labels of the lists, ours are numbered in the order of first occurrence
    for experience in theirs.train_stream:
        for label in sorted({int(y) for y in experience.dataset.targets}):
            order.setdefault(label, len(order))
    for own, their in zip(ours.train, theirs.train_stream, strict=True):
        assert our_experience(own.dataset) == avalanche_experience(their.dataset, order.__getitem__)
    (complete,) = theirs.test_stream
    whole = avalanche_experience(complete.dataset, order.__getitem__)
    if protocol == "NC":  # each experience is tested on its own classes, Avalanche tests on all
        assert sum((our_experience(each.dataset) for each in ours.test), Counter()) == whole
    else:
        assert our_experience(ours.test[0].dataset) == our_experience(ours.test[-1].dataset) == whole
    assert ours.shape.classes == len(order)


def test_new_instances_and_classes_of_core50(tmp_path):
    new_instances_and_classes(tmp_path)
    one = entry(name="core50", protocol="NIC", image_size=16)
    assert (one.length, one.scenario, one.shared_test, one.recurring) == (79, "class-incremental", True, True)
    images = loaded(one, tmp_path)
    stream = build_stream(one, images, 0)
    assert (stream.shape.classes, stream.shape.image) == (12, (3, 16, 16))
    assert [sorted(set(map(int, each.dataset.targets))) for each in stream.train[:4]] == [[0, 1, 2], [3], [2], [3]]
    assert stream.class_names[:4] == ("batch 0 object 2", "batch 0 object 5", "batch 0 object 7", "batch 1 object 0")
    assert all(each.dataset is stream.test[0].dataset for each in stream.test)
    counted = learnt_labels(one, images.train.y.numpy(), images.test.y.numpy(), 0)
    assert [len(labels) for labels in counted] == [len(experience.dataset) for experience in stream.train]
    held = entry(name="core50", protocol="NIC", image_size=16, validation=0.5, evaluate="validation")
    measured = build_stream(held, images, 0).test
    assert [len(experience.dataset) for experience in measured] == [3, *[1] * 78]


@pytest.mark.slow
def test_accuracy_on_a_shared_test_part_is_measured_once(tmp_path, monkeypatch):
    new_instances_and_classes(tmp_path / "core50")
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))
    study = {
        "streams": {"name": "core50", "protocol": "NIC", "image_size": 8, "first": 6},
        "model": {"name": "mlp", "hidden": [8]},
        "strategies": ["naive", {"name": "replay", "mem_size": 6}],
        "rules": ["none", "sam"],
        "evaluation": {"confusion": True},
    }
    results = run_study(study, tmp_path / "out", data=tmp_path, executor="in-process")
    assert set(results.runs["status"]) == {"done"}
    assert (results.accuracy.groupby(["run", "trained"])["accuracy"].nunique() == 1).all()
    rows = pd.read_csv(tmp_path / "out" / "class_accuracy.csv").groupby("run")
    images = [entry_rows.set_index("class")["images"] for _, entry_rows in rows]
    assert [each.tolist() for each in images] == [[2 * 6] * 12] * 4  # a row for each object: 2 images, evaluated for 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"protocol": "NIC", "experiences": 9}, "experiences must be 79 for protocol NIC .use first for fewer.; got 9"),
        ({"protocol": "NIC", "scenario": "task-incremental"}, "scenario must be class-incremental for protocol NIC"),
        ({"protocol": "NC", "scenario": "domain-incremental"}, "must be class-incremental or task-incremental for"),
        ({"protocol": "NICv2"}, "'NICv2-79', 'NICv2-196' or 'NICv2-391'"),
        (
            {"protocol": "NIC", "model": {"head": "growing"}},
            "whose test part has all classes from the start, needs the",
        ),
    ],
)
def test_protocols_of_core50_have_their_settings(settings, message):
    with pytest.raises(UserError, match=message):
        entry(name="core50", **settings)


def test_strategies_that_take_all_classes_as_new_are_refused():
    with pytest.raises(
        UserError, match="icarl treats the classes of each experience as new, but classes of core50 recur"
    ):
        parse_study({"streams": {"name": "core50", "protocol": "NIC"}, "strategies": "icarl"})


def test_an_empty_batch_is_named(tmp_path):
    (new_instances_and_classes(tmp_path) / "train_batch_07_filelist.txt").write_text("")
    with pytest.raises(UserError, match=r"NIC_inc/run0: batch 7 has no pictures"):
        find_images(entry(name="core50", protocol="NIC"), [tmp_path]).labels()
