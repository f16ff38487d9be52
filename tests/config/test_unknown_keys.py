"""Near misses in study files, and the suggestion that each of them gets."""

import pytest

from lifelong_lb.config import UserError, parse_study, read_study

BASE = {"streams": "split-digits"}


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ({"extend": "a.yaml"}, "'extends'"),
        ({"extnds": "a.yaml"}, "'extends'"),
        ({"seed": 3}, "'seeds'"),
        ({"stream": "split-digits"}, "'streams'"),
        ({"strategy": "naive"}, "'strategies'"),
        ({"optimiser": "sgd"}, "'optimizers'"),
        ({"optimizer": "sgd"}, "'optimizers'"),
        ({"rule": "sam"}, "'rules'"),
        ({"models": "mlp"}, "'model'"),
        ({"training": {}}, "'train'"),
        ({"eval": {}}, "'evaluation'"),
        ({"import": "x"}, "'imports'"),
        ({"excludes": []}, "'exclude'"),
        ({"skip_unsuported": True}, "'skip_unsupported'"),
        ({"tunning": {}}, "'tuning'"),
        ({"tune": "head"}, "'model.tune'"),
        ({"methods": "naive"}, "'strategies'"),
        ({"datasets": "split-digits"}, "'streams'"),
        ({"epochs": 3}, "'train.epochs'"),
        ({"n_epochs": 3}, "'train.epochs'"),
        ({"batch_size": 3}, "'train.batch_size'"),
        ({"hidden": [8]}, "'model.hidden'"),
        ({"lr": 0.1}, "a setting of an entry of optimizers, such as {name: sgd, lr: ...}"),
        ({"learning_rate": 0.1}, "a setting of an entry of optimizers, such as {name: sgd, lr: ...}"),
        ({"rho": 0.1}, "a setting of an entry of rules, such as {name: sam, rho: ...}"),
        ({"mem_size": 10}, "a setting of an entry of strategies, such as {name: replay, mem_size: ...}"),
        ({"experiences": 5}, "a setting of an entry of streams, such as {name: split-digits, experiences: ...}"),
        ({"landscape": {}}, "'evaluation.landscape'"),
        ({"trials": 5}, "'tuning.trials'"),
        ({"train": {"epoch": 5}}, "'epochs'"),
        ({"train": {"batchsize": 5}}, "'batch_size'"),
        ({"rules": "lookbehind"}, "'lookbehind-sam'"),
        ({"rules": "SAM"}, "'sam'"),
        ({"strategies": "derpp"}, "'der++'"),
        ({"optimizers": "Adam"}, "'adam'"),
        ({"rules": {"name": "sam", "radius": 0.1}}, "'rho'"),
    ],
)
def test_suggestions(raw, meant):
    with pytest.raises(UserError) as error:
        parse_study({**BASE, **raw})
    assert f"did you mean {meant}?" in str(error.value)


@pytest.mark.parametrize(
    ("key", "option"),
    [("device", "--device cuda"), ("gpu", "--device cuda"), ("workers", "--workers 4"), ("num-workers", "--workers 4"),
     ("out", "--out"), ("output_dir", "--out"), ("data", "--data DIR"), ("executor", "--executor"),
     ("timeout", "--timeout 2h"), ("retry", "--retry failed"), ("download", "--download"), ("logger", "--logger"),
     ("slurm", "--slurm"), ("checkpoint_every", "--checkpoint-every"), ("runs_per_job", "--runs-per-job")],
)  # fmt: skip
@pytest.mark.parametrize("place", ["top", "train", "rule"])
def test_options_of_the_command_line(key, option, place):
    raw = {
        "top": {key: 1},
        "train": {"train": {key: 1}},
        "rule": {"rules": {"name": "sam", key: 1}},
    }[place]
    with pytest.raises(UserError) as error:
        parse_study({**BASE, **raw})
    assert f"unknown key '{key}': not a setting of a study file; use the command-line option {option}" in str(
        error.value
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "rules:\n  name: sam\n  rho: 0,05",
            "rules.rho: must be a number; got '0,05': write 0.05, with a decimal point",
        ),
        ("rules: {name: sam, rho: 0,05}", "a comma inside braces ends the value; write rho with a decimal point"),
        (
            "rules: {name: sam, rho: 0,5}",
            "rules: keys must be strings; got 5: a comma inside braces ends the value",
        ),
        ("rules: {name: sam, rho: 0,08}", "unknown key '08' (known: "),
        ("rules: {name: sam, rho: 0,08}", "write rho with a decimal point, e.g. 0.05, not 0,05"),
        ("rules: {name: sam, 3: 1}", "rules: keys must be strings; got 3"),
        ("optimizers: {name: sgd, lr: '1,5e-3'}", "got '1,5e-3': write 1.5e-3, with a decimal point"),
    ],
)
def test_decimal_commas(tmp_path, text, message):
    path = tmp_path / "s.yaml"
    path.write_text(f"streams: split-digits\n{text}\n")
    with pytest.raises(UserError) as error:
        read_study(path)
    assert message in str(error.value)


def test_a_failed_import_is_reported_alone(tmp_path):
    (tmp_path / "mine.py").write_text("import no_such_module_at_all\n")
    path = tmp_path / "s.yaml"
    path.write_text("streams: mine\nrules: [own, {name: other, x: 1}]\nmodel: mine\nunknown: 3\nimports: mine.py\n")
    with pytest.raises(UserError) as error:
        read_study(path)
    assert str(error.value).startswith(f"{path}:5: imports[0]: ")
    assert str(error.value).endswith("cannot be imported: ModuleNotFoundError: No module named 'no_such_module_at_all'")
