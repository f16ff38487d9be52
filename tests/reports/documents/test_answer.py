"""What the command line prints: an answer that fits a screen and comes last."""

import re

import pytest
from helpers.tiny_study import command
from reports.folders import TWO, make, wave

from lifelong_lb.config import UserError
from lifelong_lb.reports import collect, comparison_table, comparisons_text, summary_text, write_report
from lifelong_lb.reports.documents.answer import LINES

MANY = {
    **TWO,
    "strategies": ["naive", "replay", "ewc", "agem", "si", "lwf", "der"],
    "rules": [
        *("none", "sam", "asam", "gsam", "looksam"),
        *({"name": "lookbehind-sam", "alpha": alpha} for alpha in (0.2, 0.5, "adaptive")),
    ],
    "seeds": 2,
}


def fill(labels, seed):
    if labels["rule"] == "sam" and seed == 5:
        return "diverged"
    better = 0.1 if labels["rule"] == "sam" else 0
    return [(i, j, accuracy + better) for i, j, accuracy in wave(2, seed)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = make(tmp_path_factory.mktemp("eight"), {**TWO, "seeds": 8}, fill)
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return collect(make(tmp_path_factory.mktemp("many"), MANY, fill))


def test_findings_and_a_small_table(folder):
    lines = summary_text(collect(folder)).splitlines()
    assert lines[:2] == ["15 of 16 runs done (1 diverged).", ""]
    assert lines[2] == "SAM ends 10.0 points above plain SGD. 95 % interval +10.0 to +10.0; better under"
    assert "SAM        7 of 8" in "\n".join(lines)
    assert "n of m seeds: runs that are not done are left out." in lines
    assert len(lines) <= LINES + 2


def test_many_rows_fit_a_screen_unless_explained(many):
    text = summary_text(many)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) - lines.index("") - 1 <= LINES
    kept = sum(bool(re.match(r"  \w", line)) for line in lines)
    assert kept == 8
    assert lines[-1] == "(6 further strategies in report.html)"
    explained = summary_text(many, explain=True)
    assert explained.count("Lookbehind-SAM, adaptive α ") >= 7
    assert "learning accuracy: mean over j of R[j, j]" in explained
    assert "mean over j of" not in text


STREAMS = {
    **TWO,
    "streams": [
        {"name": "split-digits", "experiences": 2, "label": f"from {n}", "class_order": [*range(n, 10), *range(n)]}
        for n in (1, 2, 3)
    ],
    "strategies": ["naive", "replay", "ewc"],
    "rules": ["none", "sam", "asam"],
}


def answer_of(tmp_path, study, fill=fill):
    lines = summary_text(collect(make(tmp_path, study, fill))).splitlines()
    return lines[lines.index("") + 1 :]


def test_groups_of_several_streams_are_counted_and_left_out_as_a_whole(tmp_path):
    lines = answer_of(tmp_path, STREAMS)
    assert "9 combinations of stream and strategy: too few seeds to show a difference in 9." in " ".join(lines)
    groups = [i for i, line in enumerate(lines) if line.startswith("from ")]
    assert [lines[i] for i in groups] == ["from 1, Fine-tuning", "from 1, Replay"]
    assert [[line.split("  ")[1] for line in lines[i + 1 : i + 4]] for i in groups] == 2 * [
        ["plain SGD", "SAM", "ASAM"]
    ]
    assert lines[-1] == "(7 further combinations in report.html)"
    assert len(lines) <= LINES


def test_the_answer_begins_with_what_holds_over_streams(tmp_path):
    few = {**STREAMS, "streams": STREAMS["streams"][:2], "strategies": ["naive", "replay"]}
    first, second = " ".join(answer_of(tmp_path / "few", few)).split(" Replay: Over two streams, ")
    assert first == (
        "Fine-tuning: Over two streams, no rule is shown to beat plain SGD: SAM does in all pairs of runs, the "
        "largest share."
    )
    assert "4 combinations of stream and strategy: too few seeds to show a difference in 4." in second
    more = answer_of(tmp_path / "more", {**STREAMS, "streams": STREAMS["streams"][:2]})
    assert more[0] == "Over streams: 3 strategies: no rule shown to differ from plain SGD in 3."
    most = answer_of(tmp_path / "most", STREAMS)
    assert most[0].startswith("Fine-tuning: Over three streams, SAM beats plain SGD most often of two rules: in")
    assert "Over streams: the other 1 of 3 strategies: a rule better than plain SGD in 1." in most


def test_a_single_strategy_has_streams_as_groups(tmp_path):
    lines = answer_of(tmp_path, {**STREAMS, "strategies": "naive", "rules": MANY["rules"]})
    assert lines[0].startswith("Over three streams, ")
    assert lines[-1] == "(2 further streams in report.html)"


def test_other_columns(many):
    text = summary_text(many, ["forgetting", "train_seconds"])
    assert "training" in text
    assert "average accuracy" not in text
    with pytest.raises(UserError, match="unknown column 'forgeting'; did you mean 'forgetting'"):
        summary_text(many, ["forgeting"])


def test_comparisons(folder):
    results = collect(folder)
    compared = comparison_table(results, metrics=["forgetting"])
    text = comparisons_text(compared, results=results)
    assert text.startswith("\nforgetting: rule minus plain SGD (lower is better)\n")
    assert "Cohen" not in text
    assert "0 of 7" in text
    assert "Cohen's d_z: mean difference divided by" in comparisons_text(compared, results=results, explain=True)
    assert comparisons_text(compared.iloc[:0]) == ""


@pytest.mark.slow
def test_the_answer_comes_last(folder):
    done = command("report", folder.path)
    assert done.returncode == 1, done.stderr  # a run diverged
    lines = done.stdout.splitlines()
    assert "diverged" in lines[0]
    assert lines[-1] == f"report: {folder.path / 'report.html'}"
    chosen = command("report", folder.path, "--metric", "forgetting", "--columns", "forgetting, average_accuracy")
    assert "forgetting: rule minus plain SGD" in chosen.stdout.split("report: ")[1]
    table = (folder.path / "summary.md").read_text().split("\n| rule ")[1].splitlines()[0]
    assert table == "| seeds | forgetting, % | average accuracy, % |"
    assert "did you mean 'forgetting'" in command("report", folder.path, "--columns", "forgeting").stderr
