"""Study files: what is accepted, and the one message that each mistake gets."""

import subprocess
import sys

import pytest

from lifelong_lb.config import UserError, axis_labels, expand, parse_study, read_study
from lifelong_lb.config.describe import listing
from lifelong_lb.config.study import apply_override

MINIMAL = {"streams": "split-digits"}


def study_of(**changes):
    return parse_study({**MINIMAL, **changes})


def test_bare_names_get_the_papers_defaults():
    study = study_of(rules=["none", "sam", "asam", "lookbehind-sam", "lookbehind-asam"])
    _, sam, asam, lookbehind, lookbehind_asam = study.rules
    assert (sam.rho, asam.rho, asam.eta) == (0.05, 0.5, 0.01)
    assert (lookbehind.rho, lookbehind.k, lookbehind.alpha) == (0.05, 5, 0.5)
    assert (lookbehind_asam.rho, lookbehind_asam.eta, lookbehind_asam.k) == (0.5, 0.01, 5)
    assert study.streams[0].experiences == 5
    assert study.seeds == (0,)


@pytest.mark.parametrize(("seeds", "expected"), [(6, (0, 1, 2, 3, 4, 5)), ([3, 1], (3, 1)), ([0], (0,)), (1, (0,))])
def test_seeds(seeds, expected):
    assert study_of(seeds=seeds).seeds == expected


def test_one_entry_may_stand_where_a_list_may():
    assert study_of(rules="sam") == study_of(rules=["sam"])
    assert study_of(rules={"name": "sam", "rho": 0.1}) == study_of(rules=[{"name": "sam", "rho": 0.1}])


def test_numbers_that_yaml_reads_as_words(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("streams: split-digits\nrules: [{name: sam, rho: 1e-3}]\noptimizers: {name: sgd, lr: 1e-1}\n")
    study = read_study(path)
    assert study.rules[0].rho == 0.001
    assert study.optimizers[0].lr == 0.1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"rules": ["none", "lookbehnd-sam"]},
            "rules[1]: unknown rule 'lookbehnd-sam'; did you mean 'lookbehind-sam'? "
            "(known: none, sam, asam, multistep-sam, multistep-asam, lookahead, "
            "lookahead-sam, lookahead-asam, lookbehind-sam, lookbehind-asam, gsam, looksam, friendly-sam, gam, "
            "c-flat, c-flat-plus)",
        ),
        ({"rules": ["LookbehindSAM"]}, "did you mean 'lookbehind-sam'?"),
        ({"streams": "split-digit"}, "streams: unknown stream 'split-digit'; did you mean 'split-digits'?"),
        ({"strategies": ["replay", "naiv"]}, "strategies[1]: unknown strategy 'naiv'; did you mean 'naive'?"),
        ({"optimizers": "sdg"}, "optimizers: unknown optimizer 'sdg'; did you mean 'sgd'?"),
        ({"model": "reduced-resnet"}, "model: unknown model 'reduced-resnet'; did you mean 'reduced-resnet18'?"),
        (
            {"model": {"name": "resnet18", "norm": "layer"}},
            "model.norm: must be 'batch', 'group' or 'none'; got 'layer'",
        ),
        ({"model": {"name": "resnet34", "width": 0}}, "model.width: must be a whole number >= 1; got 0"),
        ({"model": {"name": "resnet50", "dropout": 1}}, "model.dropout: must be a number in [0, 1); got 1"),
        ({"model": {"name": "mlp", "input_dropout": -0.1}}, "model.input_dropout: must be a number in [0, 1)"),
        ({"model": {"name": "mlp", "norm": "batch"}}, "model: unknown key 'norm'; did you mean 'name'?"),
        ({"model": {"name": "timm", "pretrained": "maybe"}}, "model.pretrained: must be true or false; got 'maybe'"),
        ({"model": {"name": "timm", "image_size": 0}}, "model.image_size: must be a whole number >= 1; got 0"),
        ({"model": {"name": "timm", "model": ""}}, "model.model: "),
        (
            {"model": {"name": "timm", "settings": {"img_size": 32}}},
            "model.settings: must have identifiers other than model_name, pretrained, num_classes, in_chans, img_size "
            "as keys; got 'img_size'",
        ),
        ({"rulse": "sam"}, "rulse: unknown key 'rulse'; did you mean 'rules'?"),
        ({"rules": [{"name": "sam", "roh": 1}]}, "rules[0]: unknown key 'roh'; did you mean 'rho'?"),
        ({"rules": [{"rho": 1}]}, "rules[0]: needs a 'name'; got the keys rho (known: none, sam,"),
        ({"rules": [3]}, "rules[0]: must be the name of a rule, or a mapping with 'name'; got 3"),
        ({"rules": None}, "rules: must be the name of a rule, or a mapping with 'name'; got nothing (null)"),
        ({"rules": []}, "rules: needs at least one rule (known: none,"),
        ({"streams": []}, "streams: needs at least one stream (known: split-digits, split-mnist,"),
        (
            {"rules": {"name": "lookbehind-sam", "k": 0}},
            "rules.k: must be a whole number >= 1; got 0",
        ),
        ({"rules": {"name": "lookbehind-sam", "k": 1.5}}, "rules.k: must be a whole number; got 1.5"),
        ({"rules": {"name": "lookbehind-sam", "k": True}}, "rules.k: must be a number; got True"),
        ({"rules": {"name": "sam", "rho": -1}}, "rules.rho: must be a finite number >= 0; got -1"),
        ({"rules": {"name": "sam", "rho": "big"}}, "rules.rho: must be a number; got 'big'"),
        ({"rules": {"name": "sam", "rho": float("nan")}}, "rules.rho: must be a number; got nan"),
        ({"rules": {"name": "sam", "rho": None}}, "rules.rho: must be a number; got nothing (null)"),
        ({"rules": {"name": "lookahead", "alpha": 2}}, "rules.alpha: must be a number in (0, 1]; got 2"),
        ({"rules": {"name": "asam", "eta": 0}}, "rules.eta: must be a finite number > 0; got 0"),
        (
            {"rules": {"name": "lookbehind-sam", "alpha": 1.5}},
            "rules.alpha: must be a number in (0, 1], 'adaptive' or 'adaptive-global'; got 1.5",
        ),
        (
            {"rules": {"name": "lookbehind-sam", "alpha": 0}},
            "must be a number in (0, 1], 'adaptive' or 'adaptive-global'; got 0",
        ),
        (
            {"rules": {"name": "lookbehind-sam", "alpha": "adaptiv"}},
            "(0, 1], 'adaptive' or 'adaptive-global'; got 'adaptiv'",
        ),
        (
            {"streams": {"name": "split-digits", "experiences": 3}},
            "streams: experiences must divide the 10 classes of digits; got 3 (allowed: 1, 2, 5, 10)",
        ),
        (
            {"streams": {"name": "split-digits", "scenario": "class"}},
            "streams.scenario: must be 'task-incremental' or 'class-incremental'; got 'class'",
        ),
        (
            {"streams": {"name": "split-digits", "class_order": [0, 0, 1]}},
            "class_order must list each class once; got 0 twice",
        ),
        (
            {"streams": {"name": "split-digits", "train": {"epochs": 0}}},
            "streams[0].train.epochs: must be a whole number >= 1; got 0",
        ),
        (
            {"model": {"name": "mlp", "head": "single"}},
            "model.head: task-incremental needs one of the heads multi, masked; got 'single'",
        ),
        (
            {"streams": "permuted-digits", "model": {"name": "mlp", "head": "multi"}},
            "model.head: domain-incremental needs the head single; got 'multi'",
        ),
        (
            {"streams": {"name": "permuted-mnist", "scenario": "task-incremental"}},
            "streams.scenario: must be 'domain-incremental'; got 'task-incremental'",
        ),
        (
            {"streams": {"name": "split-mnist", "scenario": "domain-incremental"}},
            "streams.scenario: must be 'task-incremental' or 'class-incremental'; got 'domain-incremental'",
        ),
        (
            {"streams": {"name": "permuted-digits", "permute_first": "maybe"}},
            "streams.permute_first: must be true or false; got 'maybe'",
        ),
        (
            {"streams": {"name": "permuted-digits", "class_order": [1, 0]}},
            "streams: unknown key 'class_order' (known: name, experiences,",
        ),
        ({"streams": {"name": "split-digits", "chunk": 0}}, "streams.chunk: must be a whole number >= 1; got 0"),
        (
            {"streams": {"name": "split-digits", "task_boundaries": True}},
            "streams: needs a chunk, e.g. 10, if task_boundaries is true; got none",
        ),
        (
            {"streams": [{"name": "split-digits", "chunk": 10}], "strategies": ["naive", "ewc"]},
            "strategies[1] with streams[0]: ewc would treat each chunk of an online stream as a task (online strat",
        ),
        (
            {"streams": [{"name": "split-digits", "chunk": 10}], "strategies": ["naive", "replay"]},
            "strategies[1] with streams[0]: replay with memory: experience-balanced would divide the memory among "
            "the chunks of an online stream (use memory: class-balanced or reservoir)",
        ),
        (
            {
                "streams": [{"name": "split-digits", "scenario": "class-incremental"}],
                "strategies": {"name": "er-aml", "mem_size": 5, "batch_size_mem": 5},
            },
            "er-aml draws from every class in its memory, so mem_size must be at least the 10 classes; got 5",
        ),
        (
            {
                "streams": [{"name": "split-digits", "scenario": "class-incremental"}],
                "strategies": "gss",
                "train": {"random_flip": True},
            },
            "gss stores augmented images, which random_crop and random_flip would augment again",
        ),
        (
            {"streams": ["split-digits"], "strategies": {"name": "lwf", "alpha": [0, 1, 2]}},
            "strategies[0] with streams[0]: lwf needs one alpha per experience (5); got 3",
        ),
        (
            {"streams": ["split-digits"], "strategies": {"name": "lwf", "alpha": [0, -1]}},
            "strategies.alpha[1]: must be a finite number >= 0; got -1",
        ),
        (
            {"streams": [{"name": "split-digits", "chunk": 10}], "rules": ["none", "lookahead-sam"]},
            "streams[0].chunk: the rule lookahead-sam spans several minibatches, interrupted by the end of a chunk",
        ),
        (
            {
                "streams": [{"name": "split-digits", "chunk": 10}],
                "rules": {"name": "lookbehind-sam", "minibatch_switching": True},
            },
            "streams[0].chunk: the rule lookbehind-sam spans several minibatches, interrupted by the end of a chunk",
        ),
        (
            {
                "streams": [{"name": "split-digits", "chunk": 10}],
                "rules": {"name": "sam", "batch_norm": "recomputed"},
            },
            "streams[0].chunk: sam with batch_norm: recomputed would use a single chunk for its statistics",
        ),
        ({"model": {"name": "mlp", "dropout": 1}}, "model.dropout: must be a number in [0, 1); got 1"),
        ({"model": {"name": "mlp", "activation": "rel"}}, "model.activation: must be 'relu' or 'tanh'; got 'rel'"),
        ({"model": {"name": "mlp", "hidden": []}}, "model.hidden: must not be empty; got []"),
        ({"model": {"name": "mlp", "hidden": 256}}, "model.hidden: must be a list; got 256"),
        ({"train": {"batchsize": 1}}, "train: unknown key 'batchsize'; did you mean 'batch_size'?"),
        ({"train": {"random_crop": -1}}, "train.random_crop: must be a whole number >= 0; got -1"),
        (
            {"train": {"clip_norm": 1.0}, "optimizers": "lbfgs"},
            "optimizers[0]: takes its own steps, whose gradients train.clip_norm cannot clip; leave it out; got 1",
        ),
        (
            {"train": {"clip_norm": 1.0}, "strategies": "lamaml", "rules": "none"},
            "strategies[0] with streams[0]: train.clip_norm clips ordinary training steps, which lamaml does not take; "
            "leave it out",
        ),
        ({"train": {"precision": "half"}}, "train.precision: must be 'float32', 'bfloat16' or 'float16'; got 'half'"),
        (
            {"train": {"precision": "float16"}, "optimizers": "lbfgs"},
            "optimizers[0]: takes its own steps, which cannot be skipped if a gradient of train.precision: float16 "
            "overflows; use bfloat16",
        ),
        (
            {"train": {"precision": "float16"}, "strategies": "mer", "rules": "none"},
            "strategies[0] with streams[0]: train.precision: float16 scales the losses of ordinary training steps, "
            "which mer does not take; use bfloat16",
        ),
        (
            {"train": {"precision": "float16"}, "strategies": "mir"},
            "strategies[0] with streams[0]: mir differentiates the loss of a pass itself, without the scale that "
            "train.precision: float16 needs; use bfloat16",
        ),
        ({"train": {"clip_norm": 0}}, "train.clip_norm: must be a finite number > 0; got 0"),
        ({"train": {"clip_norm": -1.0}}, "train.clip_norm: must be a finite number > 0; got -1.0"),
        ({"train": {"random_crop": True}}, "train.random_crop: must be a number; got True"),
        ({"train": {"random_flip": "maybe"}}, "train.random_flip: must be true or false; got 'maybe'"),
        ({"train": 3}, "train: must be a mapping of settings; got 3"),
        ({"evaluation": {"landscape": True}}, "evaluation.landscape: must be a mapping of settings; got True"),
        (
            {"evaluation": {"landscape": {"radii": [0.1, -1]}}},
            "evaluation.landscape.radii[1]: must be a finite number >= 0; got -1",
        ),
        (
            {"evaluation": {"landscape": {"measures": ["bal"]}}},
            "evaluation.landscape.measures[0]: must be 'ball', 'adaptive-ball', 'hessian', 'interpolation' or 'noise'; "
            "got 'bal'",
        ),
        (
            {"evaluation": {"landscape": {"radiuses": [1]}}},
            "evaluation.landscape: unknown key 'radiuses'; did you mean 'radii'?",
        ),
        ({"evaluation": {"save_models": 1}}, "evaluation.save_models: must be true or false; got 1"),
        (
            {
                "evaluation": {"landscape": {}},
                "strategies": "icarl",
                "streams": {"name": "split-digits", "scenario": "class-incremental"},
            },
            "strategies[0]: icarl predicts by the nearest mean of its exemplars, which has no loss landscape",
        ),
        ({"optimizers": {"name": "sgd", "lr": 0}}, "optimizers.lr: must be a finite number > 0; got 0"),
        ({"optimizers": {"name": "sgd", "nesterov": True}}, "nesterov: true needs a momentum above 0"),
        ({"seeds": 0}, "seeds: must be at least 1 (6 means the seeds 0 to 5); got 0"),
        ({"seeds": -3}, "seeds: must be at least 1 (6 means the seeds 0 to 5); got -3"),
        ({"seeds": 1_000_001}, "seeds: must be at most 1,000,000; got 1000001"),
        ({"seeds": 10**6000}, "seeds: must be at most 1,000,000; got a whole number of 6001 digits"),
        ({"seeds": []}, "seeds: must be a number of seeds (6 means 0..5) or a list of whole numbers; got []"),
        ({"seeds": "6"}, "seeds: must be a number of seeds (6 means 0..5) or a list of whole numbers; got '6'"),
        ({"seeds": True}, "seeds: must be a number of seeds"),
        ({"seeds": [1, 1]}, "seeds: must differ from each other; got [1, 1]"),
        ({"seeds": [-1]}, "seeds[0]: must be a whole number from 0 to 4294967295; got -1"),
        ({"seeds": [0, 2**32]}, "seeds[1]: must be a whole number from 0 to 4294967295; got 4294967296"),
        ({"seeds": [0, "1"]}, "seeds[1]: must be a whole number from 0 to 4294967295; got '1'"),
        ({"seeds": 10**20}, "seeds: must be at most 1,000,000; got 100000000000000000000"),
        ({"seeds": 1e3}, "seeds: must be a number of seeds"),
        ({"name": 3}, "name: must be a name of printable characters; got 3"),
        ({"name": "\ud800"}, "name: must be a name of printable characters; got '\\ud800'"),
        ({"rules": {"name": "sam", "label": ""}}, "rules.label: must be a string of printable characters; got ''"),
        ({"rules": {"name": "sam", "label": "a\nb"}}, "rules.label: must be a string of printable characters"),
        ({"optimizers": 3}, "optimizers: must be the name of an optimizer, or a mapping with 'name'; got 3"),
        (
            {"streams": {"name": "split-digits", "class_order": [0, 1]}},
            "class_order must list each of the 10 classes of digits; 2 is missing",
        ),
        (
            {"streams": {"name": "split-digits", "class_order": []}},
            "class_order must list each of the 10 classes of digits; 0 is",
        ),
        (
            {"streams": {"name": "split-cifar100", "experiences": 2, "class_order": [1, 2, 3]}},
            "class_order must list a multiple of 2 classes; got 3",
        ),
        (
            {"rules": ["sam", {"name": "asam", "label": "sam"}]},
            "rules: two entries have the label 'sam'; give one of them another label",
        ),
        ({"rules": ["sam", {"name": "sam", "rho": 0.05}]}, "rules[1]: is the same as rules[0]"),
        (
            {"rules": [{"name": "sam", "label": "x"}, {"name": "asam", "label": "x"}]},
            "rules[1]: has the same label 'x' as rules[0]",
        ),
    ],
)
def test_each_mistake_gets_one_sentence(changes, message):
    with pytest.raises(UserError) as error:
        study_of(**changes)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_several_mistakes_are_reported_together():
    with pytest.raises(UserError) as error:
        parse_study(
            {"streams": "split-digits", "rules": {"name": "lookbehind-sam", "k": 0, "rho": -1}, "x": 1}, "s.yaml"
        )
    assert str(error.value).splitlines()[0] == "s.yaml: 3 problems"
    assert len(str(error.value).splitlines()) == 4


def test_a_missing_stream_is_asked_for():
    with pytest.raises(UserError, match="streams: needs at least one stream"):
        parse_study({"rules": "sam"})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"streams: [split-digits", "not YAML"),
        (b"name: x\nstreams: }\n", "study.yaml:2: not YAML"),
        (b"- a\n- b\n", "a study file is a mapping of keys to values; got a list"),
        (b"", "a study file is a mapping of keys to values; got nothing"),
        (b"\xff\xfe\x00", "cannot be read as a study file"),
        (b"rules: sam\nstreams: split-digits\nrules: asam\n", ":3: duplicate key 'rules' (first defined on line 1)"),
        (b"streams: !!python/object:os.system {}\n", "not YAML"),
        (b"? [a, b]\n: c\n", "not YAML"),
        (b"streams: !!int ''\n", "not YAML"),
        (b"streams: !!bool foo\n", "not YAML"),
        (b"streams: !!timestamp foo\n", "not YAML"),
        (b"streams: 2020-99-99\n", "not YAML"),
    ],
)
def test_files_that_are_no_study(tmp_path, content, message):
    path = tmp_path / "study.yaml"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_study(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


def test_yaml_merge_keys(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(
        "streams: split-digits\nrules:\n- &base {name: lookbehind-sam, k: 2, rho: 0.1}\n"
        "- {<<: *base, alpha: adaptive}\n"
    )
    first, second = read_study(path).rules
    assert (second.k, second.rho, second.alpha) == (2, 0.1, "adaptive")
    assert first.alpha == 0.5


def test_a_missing_file_names_its_neighbours(tmp_path):
    (tmp_path / "digits.yaml").write_text("streams: split-digits\n")
    with pytest.raises(UserError, match=r"digit\.yaml: no such study file \(in that folder: digits\.yaml\)"):
        read_study(tmp_path / "digit.yaml")


def test_overrides():
    raw = {"streams": "split-digits", "model": "mlp"}
    for assignment in ("train.batch_size=64", "model.hidden=[8, 8]", "seeds=[4]", "rules=[none, sam]"):
        apply_override(raw, assignment)
    study = parse_study(raw)
    assert study.train.batch_size == 64
    assert study.model.hidden == (8, 8)
    assert study.seeds == (4,)
    assert [rule.name for rule in study.rules] == ["none", "sam"]


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("train.batch_size", "--set needs key=value"),
        ("=3", "--set needs key=value"),
        ("streams.x=1", "'streams' is not a mapping in the study file"),
        ("seeds=[1", "not YAML"),
        ("train.epochs=2020-99-99", "not YAML"),
        ("train.epochs=!!bool q", "not YAML"),
        ("train={a: 1, a: 2}", "duplicate key 'a'"),
    ],
)
def test_overrides_that_are_none(assignment, message):
    with pytest.raises(UserError, match=message.replace("[", r"\[")):
        apply_override({"streams": "split-digits"}, assignment)


def test_the_grid_spelled_out():
    study = study_of(rules=["none", "sam"], strategies=["naive", "replay"], seeds=3)
    runs = expand(study)
    assert len(runs) == 12
    assert len({run.config.run_id for run in runs}) == 12
    assert [run.config.seed for run in runs[:3]] == [0, 1, 2]


def test_a_run_is_named_by_what_shapes_its_numbers():
    plain = expand(study_of())[0].config
    labelled = expand(study_of(rules={"name": "none", "label": "plain SGD"}, name="another name"))[0].config
    explicit = expand(
        study_of(
            train={"epochs": 1, "random_crop": 0, "random_flip": False, "clip_norm": None},
            model={"name": "mlp", "head": "multi"},
        )
    )[0].config
    longer = expand(study_of(train={"epochs": 2}))[0].config
    assert plain.run_id == labelled.run_id == explicit.run_id == "e34662df7c09"
    dropout = expand(study_of(model={"name": "mlp", "dropout": 0.5}))[0].config
    online = expand(study_of(streams={"name": "split-digits", "chunk": 10}))[0].config
    watched = expand(study_of(evaluation={"every": 5}))[0].config
    cropped = expand(study_of(train={"random_crop": 1}))[0].config
    flipped = expand(study_of(train={"random_flip": True}))[0].config
    clipped = expand(study_of(train={"clip_norm": 1.0}))[0].config
    assert len({run.run_id for run in (plain, longer, dropout, online, watched, cropped, flipped, clipped)}) == 8
    looks = ({"landscape": {}}, {"save_models": True}, {"confusion": True})
    looked_at = [expand(study_of(evaluation=e))[0].config.run_id for e in looks]
    assert len({plain.run_id, *looked_at}) == 4
    assert (
        expand(study_of(evaluation={"landscape": None, "save_models": False, "confusion": False}))[0].config.run_id
        == plain.run_id
    )


@pytest.mark.parametrize(
    ("model", "run_id"),
    [
        ({"name": "mlp", "dropout": 0.5, "input_dropout": 0}, "b4162d34b27b"),
        ({"name": "small-cnn", "norm": "none", "dropout": 0}, "3376ef780f66"),
        ({"name": "reduced-resnet18", "norm": "batch"}, "92f1ff3742cb"),
    ],
)
def test_settings_that_came_later_leave_the_names_of_earlier_runs_alone(model, run_id):
    assert expand(study_of(model=model))[0].config.run_id == run_id
    if "norm" in model:
        others = [{**model, "norm": norm} for norm in ("batch", "group", "none")]
        assert len({expand(study_of(model=other))[0].config.run_id for other in others}) == 3


def test_a_stream_may_override_model_and_training():
    study = study_of(
        streams=[
            "split-digits",
            {"name": "split-digits", "train": {"epochs": 3}},
            {"name": "split-digits", "model": "small-cnn"},
            {"name": "split-digits", "scenario": "class-incremental", "model": {"hidden": [8], "head": "growing"}},
        ],
        model={"name": "mlp", "hidden": [32]},
    )
    plain, longer, other, small = (run.config for run in expand(study))
    assert (plain.train.epochs, longer.train.epochs) == (1, 3)
    assert other.model.name == "small-cnn"
    assert (small.model.hidden, small.model.head, plain.model.hidden) == ((8,), "growing", (32,))


def test_streams_that_come_to_the_same_runs_are_refused():
    study = study_of(streams=["split-digits", {"name": "split-digits", "train": {"epochs": 1}}])
    with pytest.raises(UserError, match=r"streams\[1\]: gives the same runs as streams\[0\]"):
        expand(study)


def test_labels_tell_namesakes_apart():
    rules = [{"name": "lookbehind-sam", "k": 2}, {"name": "lookbehind-sam", "k": 2, "alpha": "adaptive"}, "sam"]
    assert axis_labels(study_of(rules=rules).rules) == [
        "lookbehind-sam(alpha=0.5)",
        "lookbehind-sam(alpha=adaptive)",
        "sam",
    ]


def test_listing_knows_every_kind():
    text = listing()
    streams = ("split-cifar100", "split-mnist", "permuted-mnist", "permuted-digits", "domain-incremental")
    for word in (*streams, "replay", "lookbehind-asam", "adamw", "reduced-resnet18", "rho=0.05"):
        assert word in text
    with pytest.raises(UserError, match="unknown kind 'rule'; did you mean 'rules'"):
        listing("rule")


def test_listing_says_where_a_strategy_works_and_what_the_passes_mean_there():
    text = listing("strategies")
    assert "class-, domain-incremental; heads single, growing\n" in text  # gss
    assert "further passes: the images retrieved at w are replayed in every pass" in text
    assert text.count("(or a chunk) enters the memory before training on it") == 2  # er-ace and er-aml
    assert "ar1                  not offered: it trains a MobileNet" in text


@pytest.mark.slow
def test_configuration_imports_neither_torch_nor_pandas():
    code = (
        "import sys, lifelong_lb, lifelong_lb.cli, lifelong_lb.config.describe as l; l.listing();"
        "from lifelong_lb.config import parse_study, expand; expand(parse_study({'streams': 'split-digits'}));"
        "print([m for m in ('torch', 'avalanche', 'pandas', 'matplotlib', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
