"""Several folders merged: equal settings have one label, and no folder is overwritten."""

import json
import shutil

import pytest
from helpers.tiny_study import command
from reports.folders import TWO, make, two_experiences, write

from lifelong_lb.config import UserError
from lifelong_lb.reports import collect_all, load_results, write_report, write_tables
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.reports.statistics.summary import status_counts
from lifelong_lb.store import ResultFolder, write_landscape


def alike(labels, seed):
    return two_experiences(0.9, 0.8, 0.5)


@pytest.mark.parametrize(
    ("norm", "streams"),
    [("none", 1), ("batch", 2)],  # what small-cnn had before it could be chosen, and something else
)
def test_a_norm_that_was_not_written_yet_is_known(tmp_path, norm, streams):
    later = {"name": "small-cnn", "norm": norm}
    first = make(tmp_path / "a", {**TWO, "rules": "none", "model": {**later, "norm": "none"}}, alike)
    second = make(tmp_path / "b", {**TWO, "rules": "sam", "model": later}, alike)
    for run in first.read_study().labels():
        path = first.run_path(run) / "config.json"
        config = json.loads(path.read_text())
        del config["model"]["norm"]
        path.write_text(json.dumps(config))
    assert collect_all([first, second]).runs["stream"].nunique() == streams


@pytest.mark.slow
def test_a_joint_report_goes_into_none_of_the_folders(tmp_path):
    for name in ("a", "b"):
        folder = make(tmp_path / name, TWO, alike)
        write_tables(folder, collect(folder))
        folder.runs_path.rename(tmp_path / f"runs of {name}")
    (tmp_path / "a" / "study.json").unlink()
    before = (tmp_path / "a" / "results.csv").read_bytes()
    for out in (tmp_path / "a", tmp_path / "b" / ".." / "a"):
        done = command("report", "a", "b", "--out", out, cwd=tmp_path)
        assert done.returncode == 2
        assert "a joint report needs another folder" in done.stderr
    make(tmp_path / "c", TWO, lambda labels, seed: None)
    assert "holds runs, or is one of" in command("report", "a", "b", "--out", "c", cwd=tmp_path).stderr
    assert (tmp_path / "a" / "results.csv").read_bytes() == before


def tables_of(folder):
    """The folder as ``benchmarks/results/`` keeps it: tables, and no runs."""
    write_tables(folder, collect(folder))
    shutil.rmtree(folder.runs_path)
    return folder


def test_runs_that_saw_other_images_are_not_compared_with_those_of_another_folder(tmp_path):
    first = make(tmp_path / "a", {**TWO, "rules": "none"}, alike, data={"sha256": "00"})
    second = make(tmp_path / "b", {**TWO, "rules": "sam"}, alike, data={"sha256": "11"})
    found = collect_all([first, second])
    assert set(found.runs["rule"]) == set(found.accuracy["rule"]) == {"none"}
    assert "split-digits: 2 runs left out, not comparable with the others (different images)" in found.problems[0]
    assert found.missing == 2
    assert status_counts(found) == {"done": 2, "left out": 2}


def test_a_done_run_counts_wherever_it_is(tmp_path):
    failed = make(tmp_path / "a", TWO, lambda labels, seed: "failed")
    done = make(tmp_path / "b", TWO, alike)
    found = collect_all([failed, done])
    assert found.runs["status"].tolist() == ["done"] * 4
    assert found.missing == 0
    assert found.problems == [f"{tmp_path / 'a'}: 4 of its runs are done in a later folder and counted there"]
    part = make(tmp_path / "c", TWO, lambda labels, seed: alike(labels, seed) if seed else None)
    found = collect_all([part, done])
    assert (len(found.runs), found.missing) == (4, 0)


def test_tables_alone_count_once_too(tmp_path):
    first, second = (tables_of(make(tmp_path / name, TWO, alike)) for name in "ab")
    found = collect_all([first, second])
    assert len(found.runs) == 4
    assert set(found.runs["rule"]) == {"none", "sam"}
    assert any("4 of its runs are also in an earlier folder" in problem for problem in found.problems)
    assert any("contains only tables" in problem for problem in found.problems)


@pytest.mark.parametrize("with_study", [True, False])
def test_what_differs_is_not_pooled_where_only_tables_are_left(tmp_path, with_study):
    first, second = (
        tables_of(make(tmp_path / name, {**TWO, "optimizers": {"name": "sgd", "lr": lr}}, alike))
        for name, lr in (("a", 0.1), ("b", 0.5))
    )
    if not with_study:
        first.study_path.unlink()
        second.study_path.unlink()
    found = collect_all([first, second])
    assert len(found.runs) == 8
    assert set(found.runs["base_optimizer"]) == {"sgd", f"sgd [{tmp_path / 'b'}]"}


def test_landscapes_of_several_folders_are_in_one_report(tmp_path):
    folders = [make(tmp_path / rule, {**TWO, "rules": rule}, alike) for rule in ("none", "sam")]
    for folder in folders:
        for run in folder.read_study().labels():
            write_landscape(folder.run_path(run), [(0, 0, "rise", 0.1, 0.5, float("nan"))], {"radii": [0.1]})
    target = ResultFolder(tmp_path / "both")
    write_report(target, collect_all(folders))
    assert set(target.read_table("landscape")["rule"]) == {"none", "sam"}
    assert target.read_table("flatness")["forgotten"].tolist() == pytest.approx([0.4] * 4)
    assert '<h2 id="flatness">' in target.report_path.read_text()


def labelled(label, rho, **changes):
    rule = {"name": "sam", "rho": rho}
    return {**TWO, "rules": {**rule, "label": label}, "optimizers": {"name": "sgd", **changes}}


def test_the_same_settings_have_one_label(tmp_path):
    cases = [("near", 0.1, 0.1), ("close", 0.1, 0.2), ("near", 0.3, 0.3)]
    folders = []
    for number, (label, rho, lr) in enumerate(cases):
        folders.append(make(tmp_path / str(number), labelled(label, rho, lr=lr), alike).path)
    with pytest.warns(UserWarning, match="relabelled") as warned:
        runs, accuracy = load_results(folders)
    assert runs["rule"].tolist() == ["near"] * 4 + [f"near [{folders[2]}]"] * 2
    assert accuracy["rule"].tolist() == ["near"] * 12 + [f"near [{folders[2]}]"] * 6
    sentences = [str(each.message) for each in warned]
    assert f"{folders[1]}: 'close' has the settings of 'near' in an earlier folder; relabelled 'near'" in sentences
    assert any("'near' has other settings than in an earlier folder" in sentence for sentence in sentences)


def test_labels_that_changed_places(tmp_path):
    there, back = [0.1, 0.2], [0.2, 0.1]
    folders = []
    for name, (a, b), lr in (("first", there, 0.1), ("second", back, 0.2)):
        rules = {"a": a, "b": b}
        study = {**TWO, "rules": [{"name": "sam", "rho": rho, "label": label} for label, rho in rules.items()]}
        folder = make(tmp_path / name, {**study, "optimizers": {"name": "sgd", "lr": lr}}, lambda labels, seed: None)
        for run, labels in folder.read_study().labels().items():
            write(folder, run, two_experiences(0.9, 0.8, rules[labels["rule"]]), 2)
        folders.append(folder)
    with pytest.warns(UserWarning, match="relabelled"):
        runs, accuracy = load_results(folders[0].path, folders[1].path)
    assert accuracy[(accuracy["trained"] == 1) & (accuracy["evaluated"] == 0)].groupby("rule")["accuracy"].unique().map(
        list
    ).to_dict() == {"a": [0.1], "b": [0.2]}
    assert len(runs) == 8


def test_one_folder_or_several_in_every_form(tmp_path):
    first = make(tmp_path / "a", {**TWO, "rules": "none"}, alike)
    second = make(tmp_path / "b", {**TWO, "rules": "sam"}, alike)
    alone = load_results(str(first.path))
    assert load_results([first.path])[0].equals(alone[0])
    both = load_results(first.path, str(second.path))
    assert both[0].equals(load_results((first.path, second.path))[0])
    assert list(both[0].columns) == list(alone[0].columns)
    assert both[0]["rule"].tolist() == ["none", "none", "sam", "sam"]
    with pytest.raises(UserError, match="no result folder given"):
        load_results([])


def test_runs_that_cannot_be_compared_are_named_when_several_folders_are_read(tmp_path):
    first = make(tmp_path / "a", {**TWO, "rules": "none"}, alike, data={"sha256": "00"})
    second = make(tmp_path / "b", {**TWO, "rules": "sam"}, alike, data={"sha256": "11"})
    with pytest.warns(UserWarning, match=r"2 runs left out, .* \(different images\)"):
        runs, _ = load_results(first.path, second.path)
    assert set(runs["rule"]) == {"none"}


@pytest.mark.slow
def test_a_folder_of_another_version_is_named_and_left_out(tmp_path):
    first, second = (make(tmp_path / name, TWO, alike) for name in "ab")
    second.study_path.write_text(second.study_path.read_text().replace('"schema": 1', '"schema": 99'))
    done = command("report", first.path, second.path, "--out", tmp_path / "both")
    assert done.returncode == 0, done.stderr
    printed = " ".join(done.stdout.split())
    assert f"{second.path}: left out, its results cannot be used" in printed
    assert "written with layout 99; this version reads 1" in printed
    assert str(second.path) in (tmp_path / "both" / "report.html").read_text()
    assert len(load_results(tmp_path / "both")[0]) == 4
    with pytest.raises(UserError, match="written with layout 99"):
        collect_all([second, second])
    with pytest.raises(UserError, match="no results here"):
        collect_all([first, ResultFolder(tmp_path / "nowhere")])


@pytest.mark.parametrize(("order", "found"), [([0, 1], 4), ([1, 0], 0)])
def test_the_joint_run_of_another_folder_is_a_reference(tmp_path, order, found):
    orders = {"sha256": "00", "class_order": [0, 1]}
    first = make(tmp_path / "a", TWO, alike, data=orders)
    joint = {**TWO, "strategies": "joint", "streams": [{**TWO["streams"][0], "label": "digits"}]}
    second = make(
        tmp_path / "b", joint, lambda labels, seed: [(1, 0, 0.95), (1, 1, 0.9)], data={**orders, "class_order": order}
    )
    values = collect_all([first, second]).runs.set_index("strategy")["intransigence"]
    assert values["naive"].dropna().tolist() == pytest.approx([0.075] * found)
    if found:
        assert values["joint"].isna().all()
    assert collect(first).runs["intransigence"].isna().tolist() == [True] * 4


@pytest.mark.slow
def test_a_file_is_no_result_folder(tmp_path):
    (tmp_path / "study.yaml").write_text("streams: split-digits")
    done = command("report", tmp_path / "study.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "must be a result folder, the --out of a run; it is a file" in done.stderr
