"""Studies of a user's own images from the command line: they run, are recorded, and bad input ends with exit code 2."""

import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers.image_files import encoded, pictures, write_folders
from helpers.tiny_study import command, write_study

from lifelong_lb import load_landscape, run_study
from lifelong_lb.config import UserError, expand, parse_study, read_study
from lifelong_lb.config.entries.streams.known_data_sets import Split
from lifelong_lb.config.runs import without_later
from lifelong_lb.data import already_prepared, cache_folder, prepare_images, user_source
from lifelong_lb.data.classes import check_classes
from lifelong_lb.data.selection import limit_test_images
from lifelong_lb.reports.documents.answer import summary_text
from lifelong_lb.store import StudyFile
from lifelong_lb.studies.landscape import measure_landscape
from lifelong_lb.studies.planning.validate import plan_of
from lifelong_lb.studies.tuning.held_out import held_out_study

SMALL = {"strategies": "naive", "rules": "none", "seeds": 1, "train": {"batch_size": 4}}


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "cache"))


def study_of(tmp_path, *streams):
    return write_study(tmp_path / "study.yaml", **SMALL, streams=list(streams))


def refused(tmp_path, *streams):
    """What is said of a study that cannot be run, after seeing that nothing has been run or left behind."""
    done = command("run", study_of(tmp_path, *streams), "--out", tmp_path / "out", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert [path.name for path in (tmp_path / "cache").glob("*") if len(path.name) == 16] == []
    return done.stderr


def split(source="mine", **settings):
    return {"name": "split", "source": str(source), "experiences": 2, **settings}


@pytest.mark.slow
def test_folders_and_arrays_in_every_kind_of_stream(tmp_path):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"), each=(6, 3))
    x, y = pictures(np.tile(np.arange(4), 6), 8, channels=1)[:, 0], np.tile(np.arange(4), 6)
    np.savez(tmp_path / "arrays.npz", x_train=x, y_train=y, x_test=x[:8], y_test=y[:8])
    streams = [
        split(),
        split("arrays.npz", scenario="class-incremental", blurry=0.2, label="blurry"),
        split(validation=0.5, evaluate="validation", images_per_class=2, label="held out"),
        {"name": "rotated", "source": "arrays.npz", "experiences": 2},
        {"name": "permuted", "source": "mine", "experiences": 2},
        {"name": "generated", "experiences": 2, "train_images": 4, "test_images": 2},
    ]
    done = command("run", study_of(tmp_path, *streams), "--out", tmp_path / "out", "--workers", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = pd.read_csv(tmp_path / "out" / "results.csv")
    assert results["stream"].tolist() == ["split", "blurry", "held out", "rotated", "permuted", "generated"]
    assert set(results["status"]) == {"done"}
    records = [
        json.loads((tmp_path / "out" / "runs" / run / "result.json").read_text())["data"] for run in results["run"]
    ]
    assert all(len(record["arrangement"]) == 16 for record in records)
    assert sorted(records[0]["class_names"]) == ["ant", "bee", "cow", "dog"]
    first = str(records[0]["class_order"][0])
    assert records[0]["label_map"][first] == [0, 0, 0]
    assert records[0]["class_order"] == records[2]["class_order"]  # the same seed
    assert records[0]["arrangement"] != records[2]["arrangement"]
    assert records[0]["sha256"] == records[4]["sha256"] != records[1]["sha256"]
    assert len(records[3]["angles"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda mine: shutil.rmtree(mine), "source 'mine' was not found. Tried:"),
        (lambda mine: (mine / "train/ant/0000.png").write_bytes(b"\x89PNG"), "0000.png cannot be decoded"),
        (lambda mine: (mine / "train/ant/0000.png").write_bytes(encoded(pictures([0], 9)[0])), "0000.png has 9 x 9"),
        (lambda mine: (mine / "test/bee").rename(mine / "test/bees"), "test/bees: no folder of this class in"),
        (lambda mine: shutil.rmtree(mine / "test/bee"), "test/bee: no pictures"),
        (lambda mine: shutil.rmtree(mine / "train/bee"), "no folder of this class in"),
    ],
)
def test_bad_images_are_refused(tmp_path, harm, message):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    harm(tmp_path / "mine")
    assert message in refused(tmp_path, "split-digits", split())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (split(experiences=3), "streams[0]: experiences must divide the 4 classes found in the data; got 3"),
        (split(class_order=[0, 1, 2, 4]), "in the data once; 3 is missing, and 4 is not in the data"),
        (split("elsewhere"), "source 'elsewhere' was not found"),
    ],
)
def test_streams_that_the_images_do_not_allow_are_refused(tmp_path, stream, message):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    assert message in refused(tmp_path, stream)


@pytest.mark.slow
def test_too_few_images_are_refused_and_the_out_folder_stays_away(tmp_path):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    done = command("run", study_of(tmp_path, split(validation=0.1)), "--out", tmp_path / "out", "--data", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "class 0 of mine has 4 training images, too few to hold out a fraction of 0.1" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_refused(tmp_path, monkeypatch):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIFELONG_LB_CACHE", str(tmp_path / "file"))
    message = refused(tmp_path, split())
    assert "file: cannot write prepared images" in message
    assert "set LIFELONG_LB_CACHE to another folder" in message


@pytest.mark.slow
def test_own_images_are_prepared_by_their_path(tmp_path):
    write_folders(tmp_path / "mine")
    done = command("data", "prepare", "digits", "mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "mine          12 + 6 images, digest " in done.stdout
    assert "pictures in " in command("data", "list").stdout


def harmed_arrays(**changes):
    """An .npz file in place of the folder, with some arrays replaced or left out."""

    def harm(mine):
        shutil.rmtree(mine)
        y = np.repeat(np.arange(4), 5)
        values = {"x_train": pictures(y, 8), "y_train": y, "x_test": pictures(y, 8), "y_test": y} | changes
        with mine.open("wb") as file:
            np.savez(file, **{name: value for name, value in values.items() if value is not None})
        mine.rename(mine.with_name("mine.npz"))

    return harm


WRONG = {
    "no test part": lambda mine: shutil.rmtree(mine / "test"),
    "a class missing in test": lambda mine: shutil.rmtree(mine / "test" / "bee"),
    "flat": lambda mine: [shutil.rmtree(mine / "test"), (mine / "train").rename(mine.parent / "t")] and _flat(mine),
    "another size": lambda mine: (mine / "train/bee/0005.png").write_bytes(encoded(pictures([0], 9)[0])),
    "cut": lambda mine: (mine / "test/bee/0003.png").write_bytes((mine / "test/bee/0003.png").read_bytes()[:-60]),
    "no picture": lambda mine: (mine / "train/ant/0000.png").write_text("hello"),
    "other keys": harmed_arrays(x_train=None),
    "fewer labels": harmed_arrays(y_train=np.repeat(np.arange(4), 4)),
    "one class": harmed_arrays(y_train=np.zeros(20, int), y_test=np.zeros(20, int)),
    "other test classes": harmed_arrays(y_test=np.repeat(np.arange(5), 4)),
    "NaN": harmed_arrays(x_train=np.full((20, 8, 8), np.nan)),
}


def _flat(mine):
    for name in ("ant", "bee", "cow", "dog"):
        (mine.parent / "t" / name).rename(mine / name)
    return True


@pytest.mark.parametrize("harm", WRONG.values(), ids=WRONG)
def test_validate_refuses_what_run_refuses_in_the_same_words(tmp_path, harm):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    harm(tmp_path / "mine")
    name = "mine.npz" if (tmp_path / "mine.npz").exists() else "mine"
    study = parse_study({**SMALL, "streams": split(tmp_path / name)})
    with pytest.raises(UserError) as of_run:
        run_study(study, tmp_path / "out", executor="in-process")
    with pytest.raises(UserError) as of_validate:
        plan_of(study)
    assert str(of_validate.value) == str(of_run.value)
    assert not (tmp_path / "out").exists()


def test_one_class_is_named():
    with pytest.raises(UserError, match="must have at least two classes; got one, with label 7$"):
        check_classes(Split(source="mine", experiences=1), [7])


@pytest.mark.slow
def test_validate_of_images_that_are_there_but_wrong_ends_with_2(tmp_path):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    shutil.rmtree(tmp_path / "mine" / "test")
    done = command("validate", study_of(tmp_path, split()), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    lines = (tmp_path / "study.yaml").read_text(encoding="utf-8").splitlines()
    place = f"{tmp_path / 'study.yaml'}:{next(i for i, line in enumerate(lines, 1) if 'source:' in line)}: streams[0]: "
    assert done.stderr.startswith(f"error: {place}{tmp_path / 'mine'}: no folder test or ")


@pytest.mark.slow
def test_validate_of_images_that_are_not_there_warns(tmp_path):
    done = command("validate", study_of(tmp_path, split("absent"), "split-cifar100"), "--data", tmp_path, cwd=tmp_path)
    assert done.returncode == 0
    for label in ("split", "split-cifar100"):
        assert f"warning: {label}: images are missing, run will refuse this study. " in done.stderr
    assert str(tmp_path / "absent") in done.stderr
    last = done.stdout.splitlines()[-1]
    assert last.endswith("the images of split, split-cifar100 were not found, and run needs them")


def test_validate_opens_what_is_prepared_and_notices_changes(tmp_path):
    write_folders(tmp_path / "mine", ("ant", "bee", "cow", "dog"))
    source = user_source(str(tmp_path / "mine"), [])
    assert already_prepared(source, cache_folder()) is None
    prepare_images(source, cache_folder())
    assert already_prepared(source, cache_folder()).digest == prepare_images(source, cache_folder()).digest
    (tmp_path / "mine/train/ant/0000.png").write_text("hello")
    assert already_prepared(user_source(str(tmp_path / "mine"), []), cache_folder()) is None
    with pytest.raises(UserError, match="cannot be decoded"):
        plan_of(parse_study({**SMALL, "streams": split(tmp_path / "mine")}))


def test_a_source_lies_beside_the_study_file_that_names_it(tmp_path):
    write_folders(tmp_path / "studies" / "mine", ("ant", "bee", "cow", "dog"))
    write_folders(tmp_path / "mine", ("wasp", "fly"))
    first = write_study(tmp_path / "studies" / "first.yaml", **SMALL, streams=[split()])
    second = tmp_path / "second.yaml"
    second.write_text("extends: studies/first.yaml\nseeds: [0]\n")
    studies = [read_study(first), read_study(second), parse_study(yaml.safe_load(first.read_text()))]
    assert len({expand(study)[0].config.run_id for study in studies}) == 1
    assert [study.streams[0].study_folder for study in studies] == [tmp_path / "studies", tmp_path / "studies", None]
    for study in studies[:2]:
        assert len(set(plan_of(study, tmp_path).images[0].train.tolist())) == 4
        again = pickle.loads(pickle.dumps(expand(study)[0].config))
        assert again.stream.study_folder == tmp_path / "studies"
        assert str(tmp_path) not in json.dumps(StudyFile.of(study).to_json())
    assert read_study(first, ["streams.0.source=other"]).streams[0].study_folder is None
    held_out = {"seeds": [9], "validation": 0.5}
    tuned = read_study(first, [f"tuning={json.dumps({'held_out': held_out, 'search': {'sgd': {'lr': [0.1, 1]}}})}"])
    assert held_out_study(tuned).streams[0].study_folder == tmp_path / "studies"


@pytest.mark.slow
def test_a_study_runs_on_images_beside_its_file(tmp_path):
    write_folders(tmp_path / "studies" / "mine", ("ant", "bee", "cow", "dog"))
    study = write_study(tmp_path / "studies" / "first.yaml", **SMALL, streams=[split()])
    (tmp_path / "empty").mkdir()
    (tmp_path / "studies/mine/train/ant/notes.txt").write_text("hello")
    words = ("--out", tmp_path / "out", "--workers", 1, "--data", tmp_path / "empty", "--json")
    done = command("run", study, *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "note: " in done.stderr
    assert ".txt (1)" in done.stderr
    assert all(json.loads(line) for line in done.stdout.splitlines())
    (record,) = (tmp_path / "out" / "runs").glob("*/result.json")
    assert json.loads(record.read_text())["data"]["source"] == f"pictures in {tmp_path / 'studies' / 'mine'}"


def limited(**evaluation):
    return {**SMALL, "streams": {"name": "split-digits", "experiences": 2}, "evaluation": evaluation, "seeds": 2}


def test_some_test_images_of_each_class_are_measured_on(tmp_path):
    results = run_study(parse_study(limited(test_images_per_class=7)), tmp_path / "out", executor="in-process")
    records = list(results.records.values())
    assert [record.data["test_images"] for record in records] == [70, 70]
    assert len({record.data["sha256"] for record in records}) == 1
    counts = {round(accuracy * 35, 6) for record in records for _, _, accuracy in record.accuracy.entries()}
    assert counts
    assert all(count == int(count) for count in counts)  # of five classes with seven images each
    sentence = "Accuracies were measured on at most 7 test images per class, the same in all runs."
    for name in ("summary.md", "summary.tex", "report.html"):
        assert sentence in " ".join((tmp_path / "out" / name).read_text().split()), name
    assert sentence in " ".join(summary_text(results, explain=True).split())
    assert sentence not in " ".join(summary_text(replace(results, records={}), explain=True).split())


def test_test_images_are_the_same_for_all_seeds_and_more_are_added():
    y = np.repeat([3, 5, 8], [4, 40, 400])
    few, more = limit_test_images(y, 5), limit_test_images(y, 50)
    assert np.bincount(y[few]).tolist() == [0, 0, 0, 4, 0, 5, 0, 0, 5]
    assert np.bincount(y[more]).tolist() == [0, 0, 0, 4, 0, 40, 0, 0, 50]
    assert set(few.tolist()) < set(more.tolist())
    assert few.tolist() == sorted(few.tolist()) == limit_test_images(y, 5).tolist()
    assert few.tolist() != [*range(4), *range(4, 9), *range(44, 49)]  # a data set may be sorted


def test_the_limit_of_test_images_is_checked_and_names_other_runs():
    plain, limit = (expand(parse_study(limited(**one)))[0].config for one in ({}, {"test_images_per_class": 7}))
    assert plain.run_id == expand(parse_study({**limited()}))[0].config.run_id != limit.run_id
    assert without_later(plain.to_json()).get("evaluation") == {
        "batch_size": 64,
        "diagnostics_every": None,
        "experiences": "seen",
    }
    for wrong in (0, -1, 1.5, True, "all"):
        with pytest.raises(UserError, match=r"evaluation\.test_images_per_class"):
            parse_study(limited(test_images_per_class=wrong))
    held = {"name": "split-digits", "validation": 0.1, "evaluate": "validation"}
    with pytest.raises(UserError, match="applies to the test part, which split-digits with evaluate: valid"):
        parse_study({**limited(test_images_per_class=7), "streams": held})


@pytest.mark.slow
def test_a_landscape_is_measured_on_the_same_test_images(tmp_path):
    landscape = {"measures": ["noise"], "noise_scales": [0.1], "images": 64}
    study = parse_study({**limited(test_images_per_class=3, landscape=landscape, save_models=True), "seeds": 1})
    run_study(study, tmp_path / "out", executor="in-process")
    first = load_landscape(tmp_path / "out")
    measure_landscape(tmp_path / "out", {**landscape, "images": 60})
    again = load_landscape(tmp_path / "out")
    noise = [frame[frame["measure"].str.contains("noise")]["value"].tolist() for frame in (first, again)]
    assert noise[0] == noise[1]
    assert len(noise[0]) > 0
