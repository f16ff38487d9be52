"""Selection of a folder's usable runs: damaged and incomparable runs are reported and left out."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from lifelong_lb.reports.names import NAMED, listed, plural
from lifelong_lb.store import COLUMNS, DamagedRunError, ResultFolder, RunRecord, StudyFile
from lifelong_lb.untrusted import shortened

_MAX_VERSIONS = 20


def comparable_records(folder: ResultFolder, study: StudyFile) -> tuple[dict[str, RunRecord], list[str]]:
    """Read the runs of a folder that may be averaged with each other.

    Args:
        folder: the result folder.
        study: its study.

    Returns:
        The records by run id, in the order of the study, and sentences about runs that were left out and about mixed
        versions.
    """
    records, damaged = _records(folder, study)
    streams = _streams(study)
    others = find_other_streams(records, streams, study.seeds())
    usable = {run: record for run, record in records.items() if run not in others}
    notes = [*mixed_versions(list(usable.values())), *_on_validation(list(usable.values()))]
    return usable, [*study.problems(), *_sentences(damaged), *describe_other_streams(others, streams), *notes]


def incomparable_runs(folder: ResultFolder) -> list[str]:
    """Find runs that have ended and that reports leave out, because they are not comparable with the others.

    Args:
        folder: the result folder.

    Returns:
        One sentence per stream and differing property; empty without a study.
    """
    study = folder.read_study()
    if study is None:
        return []
    records, _ = _records(folder, study)
    streams = _streams(study)
    return describe_other_streams(find_other_streams(records, streams, study.seeds()), streams)


def _records(folder: ResultFolder, study: StudyFile) -> tuple[dict[str, RunRecord], dict[str, str]]:
    """The records of a folder, and what is wrong with damaged ones, by run id."""
    records: dict[str, RunRecord] = {}
    damaged: dict[str, str] = {}
    for run, seed in study.seeds().items():
        if folder.has_folder(run):
            try:
                records[run] = folder.read_run(run, seed, study.expected_config)
            except DamagedRunError as error:
                damaged[run] = str(error)
    return records, damaged


def _streams(study: StudyFile) -> dict[str, str]:
    """Stream label of each run."""
    column = COLUMNS["streams"]
    return {run: labels[column] for run, labels in study.labels().items()}


_DIFFERENCES = {
    "sha256": "images",
    "weights_sha256": "weights of the model",
    "class_order": "class order",
    "class_names": "class names",
    "label_map": "label map",
    "permutations": "pixel permutations",
    "angles": "rotation angles",
    "arrangement": "assignment of images to experiences",
}
"""Recorded properties of a stream or model, and their names. Those of :data:`_OVER_ALL_SEEDS` must agree over all
seeds, the others within a seed."""
_OVER_ALL_SEEDS = ("sha256", "weights_sha256")
OTHER_WEIGHTS = f"different {_DIFFERENCES['weights_sha256']}"
"""Part of the sentence about runs that were left out because of the weights of their model."""


def find_other_streams(
    records: Mapping[str, RunRecord], streams: Mapping[str, str], seeds: Mapping[str, int]
) -> dict[str, str]:
    """Find runs whose stream differs from that of the majority, or of the first run if there is no majority.

    Args:
        records: the records by run id.
        streams: stream label of each run.
        seeds: seed of each run.

    Returns:
        Name of the differing property by run id. Properties that a run did not record are not compared.
    """
    different: dict[str, str] = {}
    for key, what in _DIFFERENCES.items():
        values = {
            run: json.dumps(record.data[key], sort_keys=True)
            for run, record in records.items()
            if key in record.data and run not in different
        }
        groups = {run: (streams[run], None if key in _OVER_ALL_SEEDS else seeds[run]) for run in values}
        counted: dict[tuple[str, Any], Counter[str]] = {}
        for run, value in values.items():
            counted.setdefault(groups[run], Counter())[value] += 1
        usual = {group: counts.most_common(1)[0][0] for group, counts in counted.items()}
        different |= {run: what for run, value in values.items() if value != usual[groups[run]]}
    return different


def describe_other_streams(others: Mapping[str, str], streams: Mapping[str, str]) -> list[str]:
    """Report runs that were left out because of their stream.

    Args:
        others: from :func:`find_other_streams`.
        streams: stream label of each run.

    Returns:
        One sentence per stream and differing property.
    """
    by_difference: dict[tuple[str, str], list[str]] = {}
    for run, what in others.items():
        by_difference.setdefault((streams[run], what), []).append(run)
    return [
        f"{stream}: {len(runs)} {plural('run', len(runs))} left out, not comparable with the others "
        f"(different {what}): {listed(runs)}"
        for (stream, what), runs in by_difference.items()
    ]


def _on_validation(records: Sequence[RunRecord]) -> list[str]:
    """Sentences about streams whose accuracies were not measured on the test part."""
    streams = (record.config["stream"] for record in records if record.accuracy.measured_after)
    names = dict.fromkeys(stream["name"] for stream in streams if stream.get("evaluate") == "validation")
    return [
        f"accuracies of {name} were measured on a validation part, held out from its training part" for name in names
    ]


def _sentences(damaged: Mapping[str, str]) -> list[str]:
    """One sentence per damaged run, or one about many with the same problem."""
    by_reason: dict[str, list[str]] = {}
    for run, reason in damaged.items():
        by_reason.setdefault(reason.replace(run, "..."), []).append(run)
    sentences = []
    for reason, runs in by_reason.items():
        if len(runs) > NAMED:
            sentences.append(f"{len(runs)} runs left out, their folders are damaged ({reason}): {listed(runs)}")
        else:
            sentences += [f"run {run}: left out, its folder is damaged ({damaged[run]})" for run in runs]
    return sentences


def mixed_versions(records: Sequence[RunRecord]) -> list[str]:
    """Report mixed versions of the code.

    Args:
        records: the runs.

    Returns:
        One sentence per package whose version differs.
    """
    sentences = []
    for key in ("lifelong_lb", "commit", "torch", "avalanche"):
        values = (record.environment.get(key) for record in records)
        versions = sorted({shortened(str(version)) for version in values if version})
        if len(versions) > 1:
            sentences.append(f"runs with different versions of {key} are mixed here: {listed(versions, _MAX_VERSIONS)}")
    texts: dict[str, set[str]] = {}
    for record in records:
        for origin, digest in record.environment.get("extensions", {}).items():
            texts.setdefault(origin, set()).add(str(digest))
    changed = [shortened(origin) for origin, digests in texts.items() if len(digests) > 1]
    return [*sentences, *(f"runs with different versions of {origin} are mixed here" for origin in changed)]
