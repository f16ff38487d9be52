"""A small study whose page has every section."""

import lifelong_lb
from lifelong_lb.reports import write_report
from lifelong_lb.reports.results.collect import collect
from lifelong_lb.store import ResultFolder

SECTIONS = (
    *("found", "found-1", "found-2", "explore", "tuning", "summary", "compared", "over-streams", "during", "endings"),
    *("figures", "classes", "flatness", "cost", "run", "setup", "reading"),
)
"""Ids of the headings of the page, in their order."""
SEARCH = {
    "metric": "average_accuracy",
    "space": {"sam": {"rho": {"low": 0.01, "high": 0.5, "log": True}}, "sgd": {"lr": [0.01, 0.1, 1.0]}},
    "trials": 12,
    "not_done": 1,
    "best": 0.91,
    "median": 0.72,
    "worst": 0.1,
    "gradient_evaluations": 12_000,
}
STUDY = {
    "name": "every section",
    "streams": [
        {"name": "split-digits", "experiences": 5, "first": 3, "scenario": "class-incremental", "images_per_class": 20}
        | ({"class_order": [*range(10)]} if label == "in order" else {})
        | {"label": label}
        for label in ("in order", "as drawn")
    ],
    "model": {"name": "mlp", "hidden": [8]},
    "train": {"batch_size": 10},
    "strategies": [{"name": "naive", "label": "naive"}],
    "rules": [
        *({"name": name, "label": name} for name in ("none", "sam")),
        {"name": "sam", "rho": 1e30, "label": "too far"},
    ],
    "optimizers": [{"name": "sgd", "label": "sgd", "lr": 0.1}],
    "seeds": 3,
    "evaluation": {
        "every": 5,
        "confusion": True,
        "landscape": {"measures": ["ball", "noise"], "images": 20, "radii": [0.05, 0.1], "noise_scales": [0.1, 0.2]},
    },
    "chosen": [
        {"stream": stream, "strategy": "naive", "rule": "sam", "optimizer": "sgd", "settings": {"sam": {"rho": rho}}}
        | {"search": {**SEARCH, "best": best, "gradient_evaluations": cost}}
        for stream, rho, best, cost in (("in order", 0.06, 0.9104, 12_000), ("as drawn", 0.05, 0.9101, 9_000))
    ],
}


def write_whole(path):
    """Run the study, write its report, and return the path of the page."""
    lifelong_lb.run_study(STUDY, path, executor="in-process")
    folder = ResultFolder(path)
    write_report(folder, collect(folder))
    return folder.report_path
