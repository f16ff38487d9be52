"""Study files that say what happens at the boundary of an experience."""

import pytest

from lifelong_lb.config import UserError, axis_labels, expand, parse_study
from lifelong_lb.store import StudyFile

SAM_LATER = {"name": "sam", "from_experience": 1}
ONLINE = {"name": "split-digits", "chunk": 10}


def study_of(**changes):
    return parse_study({"streams": "split-digits", **changes})


def scheduled(schedule, name="sgd"):
    return {"optimizers": {"name": name, "schedule": schedule}}


def run_id(**changes):
    return expand(study_of(**changes))[0].config.run_id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rules": {"name": "sam", "from_experience": -1}},
            "rules.from_experience: must be a whole number >= 0; got -1",
        ),
        ({"rules": {"name": "sam", "from_experience": 0.5}}, "rules.from_experience: must be a whole number; got 0.5"),
        ({"rules": {"name": "sam", "from_experience": True}}, "rules.from_experience: must be a number; got True"),
        (
            {"rules": {"name": "none", "from_experience": 1}},
            "rules: must not have from_experience, which has no effect here; got 1",
        ),
        (
            {"streams": ["permuted-digits", "split-digits"], "rules": ["none", {"name": "sam", "from_experience": 5}]},
            "rules[1].from_experience: must be less than the 5 experiences of streams[1], else sam never starts; got 5",
        ),
        (
            {"strategies": ["naive", "joint"], "rules": [SAM_LATER]},
            "rules[0].from_experience: joint is trained once, so sam would never start",
        ),
        (
            {"optimizers": {"name": "sgd", "state": "forget"}},
            "optimizers.state: must be 'keep' or 'reset'; got 'forget'",
        ),
        (
            {"streams": [ONLINE], "optimizers": ["adam", {"name": "sgd", "state": "reset"}]},
            "optimizers[1].state: needs task_boundaries: true in streams[0], whose images arrive in chunks",
        ),
        (
            scheduled("cosin"),
            "optimizers.schedule: unknown schedule 'cosin'; did you mean 'cosine'? (known: constant, step, multistep,",
        ),
        (scheduled(3), "optimizers.schedule: must be the name of a schedule, or a mapping with 'name'; got 3"),
        (scheduled({"factor": 1}), "optimizers.schedule: needs a 'name'; got the keys factor (known: constant, step,"),
        (
            scheduled({"name": "step", "evry": 1}),
            "optimizers.schedule: unknown key 'evry'; did you mean 'every'?",
        ),
        (scheduled({"name": "step", "every": 0}), "optimizers.schedule.every: must be a whole number >= 1; got"),
        (
            scheduled({"name": "multistep", "milestones": [1, 1.5]}),
            "optimizers.schedule.milestones[1]: must be a whole number; got 1.5",
        ),
        (scheduled("multistep"), "optimizers.schedule: needs increasing milestones, e.g. [3, 6]; got []"),
        (
            scheduled({"name": "multistep", "milestones": [3, 2]}),
            "needs increasing milestones, e.g. [3, 6]; got [3, 2",
        ),
        (
            scheduled("constant"),
            "optimizers.schedule: needs a warmup or an experience_factor other than 1, else it has no effect",
        ),
        (
            scheduled({"name": "cosine", "experience_factor": 1.5}),
            "optimizers.schedule: needs an experience_factor in (0, 1], or a list of positive ones; got 1.5",
        ),
        (
            {**scheduled({"name": "constant", "experience_factor": 0.5}), "strategies": ["naive", "joint"]},
            "optimizers[0].schedule.experience_factor: joint is trained once and has no later experience",
        ),
        (
            {
                **scheduled({"name": "multistep", "milestones": [[3], [2]]}),
                "strategies": ["naive", "joint"],
                "train": {"epochs": 4},
            },
            "optimizers[0].schedule.milestones: joint is trained once and has no later experience",
        ),
        (
            {
                **scheduled({"name": "multistep", "milestones": [7], "over": "stream"}),
                "strategies": ["naive", "joint"],
                "train": {"epochs": 2},
            },
            "optimizers[0].schedule: changes the rate after epoch 7 of the stream, which has 2 epochs in streams[0] "
            "trained by joint; use milestones below 2, more epochs, or by: iteration",
        ),
        (
            scheduled({"name": "constant", "experience_factor": [1, 0.5]}),
            "optimizers[0].schedule.experience_factor: must have one factor for each of the 5 experiences "
            "of streams[0]; got 2",
        ),
        (
            scheduled("cosine"),
            "optimizers[0].schedule: changes the rate after epoch 1 of an experience, which has 1 epoch in "
            "streams[0]; use more epochs, or by: iteration",
        ),
        (
            {**scheduled({"name": "multistep", "milestones": [2, 10], "over": "stream"}), "train": {"epochs": 2}},
            "changes the rate after epoch 10 of the stream, which has 10 epochs in streams[0]; use "
            "milestones below 10, more epochs, or by: iteration",
        ),
        (
            {**scheduled({"name": "cosine", "warmup": 3}), "train": {"epochs": 3}},
            "changes the rate after epoch 3 of an experience, which has 3 epochs in streams[0]; use warmup "
            "below 3, more epochs, or by: iteration",
        ),
        (
            {**scheduled({"name": "step", "every": 4, "warmup": 3}), "train": {"epochs": 3}},
            "after epoch 4 of an experience, which has 3 epochs in streams[0]; use warmup and every below 3, more "
            "epochs, or by: iteration",
        ),
        (
            {**scheduled({"name": "multistep", "milestones": [[60, 170], [1]]}), "train": {"epochs": [2, 3]}},
            "changes the rate after epoch 170 of experience 0, which has 2 epochs in streams[0]; use milestones below "
            "2, more epochs, or by: iteration",
        ),
        (
            {**scheduled({"name": "cosine", "over": "stream"}), "streams": [ONLINE]},
            "schedule: counts epochs of experiences, which the chunks of streams[0] do not have; set by: iteration",
        ),
        (
            {**scheduled({"name": "cosine", "by": "iteration"}), "streams": [ONLINE]},
            "optimizers[0].schedule.over: needs task_boundaries: true in streams[0], whose images arrive in chunks",
        ),
        (
            {
                **scheduled({"name": "constant", "by": "iteration", "over": "stream", "experience_factor": 0.5}),
                "streams": [ONLINE],
            },
            "optimizers[0].schedule.experience_factor: needs task_boundaries: true in streams[0]",
        ),
        (
            {"streams": [ONLINE], "rules": [SAM_LATER]},
            "rules[0].from_experience: needs task_boundaries: true in streams[0], whose images arrive in chunks",
        ),
    ],
)
def test_what_is_refused(changes, message):
    with pytest.raises(UserError) as error:
        study_of(**changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_not():
    known = {**ONLINE, "task_boundaries": True}
    assert study_of(streams=["split-digits", known], rules=["none", SAM_LATER]).rules[1].from_experience == 1
    assert study_of(strategies="joint", rules=["none", {"name": "sam", "from_experience": 0}])


def test_schedules_that_can_do_what_they_name():
    known = {**ONLINE, "task_boundaries": True}
    for schedule, streams in (
        ({"name": "cosine", "over": "stream"}, "split-digits"),
        ({"name": "cosine", "by": "iteration"}, ["split-digits", known]),
        ({"name": "step", "every": 500, "by": "iteration", "over": "stream"}, [ONLINE]),
        ({"name": "multistep", "milestones": (1, 4), "over": "stream"}, "split-digits"),
        ({"name": "constant", "experience_factor": "5e-1"}, "split-digits"),
    ):
        study = study_of(streams=streams, **scheduled(schedule, "adam"))
        assert study.optimizers[0].schedule.name == schedule["name"]
        assert StudyFile.from_json(StudyFile.of(study).to_json(), "study.json").study == study
    assert study_of(**scheduled(None)).optimizers[0] == study_of().optimizers[0]
    assert "schedule" not in study.optimizers[0].hyper_parameters()


def test_a_stream_s_own_epochs_count():
    streams = ["split-digits", {"name": "split-digits", "scenario": "class-incremental", "train": {"epochs": 2}}]
    with pytest.raises(UserError, match=r"which has 1 epoch in streams\[0\]; use more epochs, or by: iteration$"):
        study_of(streams=streams, **scheduled("cosine"))


def test_boundaries_shape_the_numbers():
    assert run_id(rules="sam") == run_id(rules={"name": "sam", "from_experience": 0}) != run_id(rules=SAM_LATER)
    schedules = [None, {"name": "step", "by": "iteration"}, {"name": "step", "by": "iteration", "every": 2}]
    resets = [{"optimizers": {"name": "sgd", "state": state}} for state in ("keep", "reset")]
    ids = [run_id(**each) for each in [*resets, *map(scheduled, schedules)]]
    assert ids[0] == ids[2] == run_id()
    assert len(set(ids)) == 4
    optimizers = ["sgd", *({"name": "sgd", "schedule": each} for each in schedules[1:])]
    assert axis_labels(study_of(optimizers=optimizers).optimizers) == [
        "sgd(schedule=none)",
        "sgd(schedule=step by:iteration)",
        "sgd(schedule=step by:iteration every:2)",
    ]
    assert axis_labels(study_of(rules=["sam", SAM_LATER]).rules) == ["sam(from_experience=0)", "sam(from_experience=1)"]


def test_studies_that_would_not_go_together_may_meet_in_one_folder():
    both = StudyFile.of(study_of(rules=SAM_LATER)).widened(study_of(strategies="joint"))
    assert StudyFile.from_json(both.to_json(), "study.json") == both
