"""Study files with L-BFGS and with optimizers of other packages: what is said without importing anything."""

import datetime

import pytest

from lifelong_lb.config import UserError, axis_labels, expand, parse_study, read_study
from lifelong_lb.store import StudyFile

ADAGRAD = {"name": "external", "target": "torch.optim.Adagrad", "settings": {"lr": 0.1}}
SAM = {
    "name": "external",
    "target": "pytorch_optimizer.SAM",
    "settings": {"rho": 0.05, "lr": 0.1},
    "classes": {"base_optimizer": "torch.optim.SGD"},
    "closure": True,
}


def study_of(**changes):
    return parse_study({"streams": "split-digits", **changes})


def test_numbers_and_lists_in_settings(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "streams: split-digits\n"
        "optimizers:\n"
        "  name: external\n"
        "  target: torch.optim.Adamax\n"
        "  settings: {lr: 1e-3, eps: .5E-9, betas: [0.9, 99e-2], foreach: null, maximize: true, mode: e3}\n"
    )
    (entry,) = read_study(path).optimizers
    settings = {"lr": 1e-3, "eps": 5e-10, "betas": [0.9, 0.99], "foreach": None, "maximize": True, "mode": "e3"}
    assert entry.settings == settings
    assert study_of(optimizers={**ADAGRAD, "settings": {"betas": (0.9, 0.99)}}).optimizers[0].settings == {
        "betas": [0.9, 0.99]
    }


MISTAKES = {
    "no target": ({"name": "external"}, "optimizers[0]: needs a target: the dotted name of a class, e.g."),
    "bare": ("external", "optimizers[0]: needs a target"),
    "no module": (
        {**ADAGRAD, "target": "Adagrad"},
        "optimizers.target: must be the dotted name of a class, e.g. torch.optim.Adagrad; got 'Adagrad'",
    ),
    "hyphen": ({**ADAGRAD, "target": "torch-optim.Adagrad"}, "optimizers.target: must be the dotted name of a class"),
    "dots": ({**ADAGRAD, "target": "torch..Adagrad"}, "optimizers.target: must be the dotted name of a class"),
    "number": ({**ADAGRAD, "target": 3}, "optimizers.target: must be the dotted name of a class"),
    "list": ({**ADAGRAD, "settings": [1]}, "optimizers.settings: must be a mapping; got [1]"),
    "nothing": ({**ADAGRAD, "settings": None}, "optimizers.settings: must be a mapping; got"),
    "date": (
        {**ADAGRAD, "settings": {"lr": datetime.date(2024, 1, 1)}},
        "optimizers.settings: must consist of strings, finite numbers, booleans, null, lists and mappings; got",
    ),
    "infinite": (
        {**ADAGRAD, "settings": {"lr": float("inf")}},
        "settings: must consist of strings, finite numbers",
    ),
    "word": ({**ADAGRAD, "settings": {"learning rate": 1}}, "settings and classes; got 'learning rate'"),
    "params": (
        {**ADAGRAD, "settings": {"params": []}},
        "must have identifiers other than params as keys of",
    ),
    "class": (
        {**SAM, "classes": {"base_optimizer": "SGD"}},
        "optimizers.classes.base_optimizer: must be the dotted name of a class, e.g. torch.optim.Adagrad; got 'SGD'",
    ),
    "both": (
        {**SAM, "settings": {"base_optimizer": "sgd"}},
        "optimizers: must have 'base_optimizer' in settings or in classes, not in both",
    ),
    "misspelt": ({**ADAGRAD, "setings": {}}, "optimizers: unknown key 'setings'; did you mean 'settings'?"),
    "lbfgs": ({"name": "lbfgs", "max_iter": 0}, "optimizers.max_iter: must be a whole number >= 1; got 0"),
    "line search": ({"name": "lbfgs", "line_search_fn": "wolfe"}, "optimizers.line_search_fn: must be 'strong_wolfe'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_each_mistake_gets_one_sentence(case):
    entry, message = MISTAKES[case]
    with pytest.raises(UserError) as error:
        study_of(optimizers=entry)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("entry", "called"), [("lbfgs", "lbfgs"), (SAM, "SAM")])
@pytest.mark.parametrize("rules", [["sam"], ["none", "lookbehind-sam"]])
def test_passes_of_an_optimizer_and_of_a_rule_do_not_mix(entry, called, rules):
    with pytest.raises(UserError) as error:
        study_of(optimizers=["sgd", entry], rules=rules)
    assert (
        f"study: optimizers[1]: {called} evaluates the loss itself and cannot be combined with the rule {rules[-1]}; "
        in (str(error.value))
    )
    assert len(expand(study_of(optimizers=["sgd", entry], rules=["none", {"name": "none", "dropout": "fresh"}]))) == 4
    assert len(expand(study_of(optimizers=["sgd", ADAGRAD], rules=rules))) == 2 * len(rules)


def test_a_folder_may_hold_both():
    """Two studies, one with rules and one with an optimizer that takes no rule, are merged, stored and read again."""
    first = StudyFile.of(study_of(optimizers="sgd", rules=["none", "sam"]))
    both = first.widened(study_of(optimizers=["lbfgs", SAM, ADAGRAD], rules="none"))
    again = StudyFile.from_json(both.to_json(), "study.json")
    assert again == both
    assert len(again.labels()) == 5


def test_labels_name_the_class_and_what_tells_namesakes_apart():
    def labels(*entries):
        return axis_labels(study_of(optimizers=list(entries)).optimizers)

    assert labels("sgd", ADAGRAD, SAM) == ["sgd", "Adagrad", "SAM"]
    assert labels(ADAGRAD, {**ADAGRAD, "settings": {"lr": 0.2, "eps": 1e-9}}, {**ADAGRAD, "settings": {}}) == [
        "Adagrad(lr=0.1)",
        "Adagrad(lr=0.2, eps=1e-09)",
        "Adagrad",
    ]
    assert labels(SAM, {**SAM, "classes": {"base_optimizer": "torch.optim.Adam"}}) == [
        "SAM(base_optimizer=torch.optim.SGD)",
        "SAM(base_optimizer=torch.optim.Adam)",
    ]
    assert labels(ADAGRAD, {**ADAGRAD, "target": "elsewhere.Adagrad"}) == [
        "Adagrad(target=torch.optim.Adagrad)",
        "Adagrad(target=elsewhere.Adagrad)",
    ]
    assert labels(ADAGRAD, {**ADAGRAD, "settings": {"lr": 0.1, "closure": 3}}) == [
        "Adagrad",
        "Adagrad(settings.closure=3)",
    ]
    assert labels({"name": "lbfgs", "max_iter": 4}, "lbfgs") == ["lbfgs(max_iter=4)", "lbfgs(max_iter=20)"]


def test_settings_shape_the_numbers():
    def run_id(**changes):
        return expand(study_of(optimizers={**ADAGRAD, **changes}))[0].config.run_id

    assert run_id() == run_id(label="mine") == run_id(classes={})
    assert len({run_id(), run_id(settings={"lr": 0.2}), run_id(target="torch.optim.SGD"), run_id(restart=True)}) == 4
