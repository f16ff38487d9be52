"""Study files that say what happens at the boundary of an experience."""

import pytest

from lifelong_lb.config import UserError, axis_labels, expand, parse_study
from lifelong_lb.store import StudyFile

SAM_LATER = {"name": "sam", "from_experience": 1}
ONLINE = {"name": "split-digits", "chunk": 10}


def study_of(**changes):
    return parse_study({"streams": "split-digits", **changes})


def run_id(**changes):
    return expand(study_of(**changes))[0].config.run_id


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rules": {"name": "sam", "from_experience": -1}},
            "rules.from_experience: must be greater than or equal to 0; got -1",
        ),
        ({"rules": {"name": "sam", "from_experience": 0.5}}, "rules.from_experience: must be a whole number; got 0.5"),
        ({"rules": {"name": "sam", "from_experience": True}}, "rules.from_experience: must be a number; got True"),
        (
            {"rules": {"name": "none", "from_experience": 1}},
            "rules: needs no from_experience, since nothing begins there; got 1",
        ),
        (
            {"streams": ["permuted-digits", "split-digits"], "rules": ["none", {"name": "sam", "from_experience": 5}]},
            "rules[1].from_experience: must be less than the 5 experiences of streams[1], else sam never begins; got 5",
        ),
        (
            {"strategies": ["naive", "joint"], "rules": [SAM_LATER]},
            "rules[0].from_experience: joint is trained once, so that sam would never begin",
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


def test_boundaries_shape_the_numbers():
    assert run_id(rules="sam") == run_id(rules={"name": "sam", "from_experience": 0}) != run_id(rules=SAM_LATER)
    assert axis_labels(study_of(rules=["sam", SAM_LATER]).rules) == ["sam(from_experience=0)", "sam(from_experience=1)"]


def test_studies_that_would_not_go_together_may_meet_in_one_folder():
    both = StudyFile.of(study_of(rules=SAM_LATER)).widened(study_of(strategies="joint"))
    assert StudyFile.from_json(both.to_json(), "study.json") == both
