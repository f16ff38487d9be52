"""Which of a folder's runs can be used: what is damaged, or not comparable with the others, is named and left out."""

from collections import Counter
from collections.abc import Mapping, Sequence

from lifelong_lb.evaluation import AccuracyMatrix
from lifelong_lb.reports.wording import plural
from lifelong_lb.store import COLUMNS, DamagedRunError, ResultFolder, RunRecord, StudyFile

_NAMED = 3
"""How many runs with the same trouble are named one by one."""


def comparable_records(folder: ResultFolder, study: StudyFile) -> tuple[dict[str, RunRecord], list[str]]:
    """Read the runs of a folder, and leave out those that must not enter a mean.

    Args:
        folder: the result folder.
        study: its study.

    Returns:
        The records by run id, in the order of the study, and sentences about runs that were left out and about
        versions that are mixed.
    """
    records: dict[str, RunRecord] = {}
    damaged: dict[str, str] = {}
    seeds = study.seeds()
    for run, seed in seeds.items():
        if folder.has_run(run):
            try:
                records[run] = _checked(folder.read_run(run), seed)
            except (DamagedRunError, ValueError) as error:
                damaged[run] = str(error)
        elif folder.run_path(run).exists():
            damaged[run] = "no result.json"
    others = _of_other_images(records, study)
    kept = {run: record for run, record in records.items() if run not in others}
    return kept, [*_sentences(damaged), *_about_images(others, study), *_mixed_versions(list(kept.values()))]


def _checked(record: RunRecord, seed: int) -> RunRecord:
    """See that a record is of the run that its folder is named after, and holds an accuracy matrix."""
    stored = record.config.get("seed", seed)
    if stored != seed:
        raise ValueError(f"it holds a run with seed {stored}, not {seed}")
    asked = record.config["stream"].get("experiences")
    if record.status == "done" and asked not in (None, record.experiences):
        raise ValueError(f"it holds {record.experiences} experiences, not {asked}")
    if record.status == "done":
        AccuracyMatrix.from_entries(record.accuracy, record.experiences)
        if record.initial_accuracy and len(record.initial_accuracy) != record.experiences:
            raise ValueError(f"it holds {len(record.initial_accuracy)} initial accuracies, not {record.experiences}")
    return record


def _of_other_images(records: Mapping[str, RunRecord], study: StudyFile) -> list[str]:
    """Runs that saw other images than most runs of their stream; where as many saw either, than the first one."""
    column = COLUMNS["streams"]
    labels = study.labels()
    hashes: dict[str, Counter[str]] = {}
    for run, record in records.items():
        if "sha256" in record.data:
            hashes.setdefault(labels[run][column], Counter())[str(record.data["sha256"])] += 1
    usual = {stream: found.most_common(1)[0][0] for stream, found in hashes.items()}
    return [
        run
        for run, record in records.items()
        if "sha256" in record.data and str(record.data["sha256"]) != usual[labels[run][column]]
    ]


def _about_images(others: Sequence[str], study: StudyFile) -> list[str]:
    column, labels = COLUMNS["streams"], study.labels()
    found: dict[str, list[str]] = {}
    for run in others:
        found.setdefault(labels[run][column], []).append(run)
    return [
        f"{stream}: {len(runs)} {plural('run', len(runs))} saw other images than the rest and cannot be compared with "
        f"them: left out ({_list(runs)})"
        for stream, runs in found.items()
    ]


def _sentences(damaged: Mapping[str, str]) -> list[str]:
    """A sentence a damaged run, or one about many with the same trouble."""
    alike: dict[str, list[str]] = {}
    for run, reason in damaged.items():
        alike.setdefault(reason.replace(run, "..."), []).append(run)
    found = []
    for reason, runs in alike.items():
        if len(runs) > _NAMED:
            found.append(f"{len(runs)} runs left out, their folders are damaged ({reason}): {_list(runs)}")
        else:
            found += [f"run {run}: left out, its folder is damaged ({damaged[run]})" for run in runs]
    return found


def _list(runs: Sequence[str]) -> str:
    more = f" and {len(runs) - _NAMED} more" if len(runs) > _NAMED else ""
    return ", ".join(runs[:_NAMED]) + more


def _mixed_versions(records: Sequence[RunRecord]) -> list[str]:
    """Sentences about runs made with different versions of the code."""
    sentences = []
    for key in ("lifelong_lb", "commit", "torch", "avalanche"):
        versions = sorted({str(record.environment.get(key)) for record in records if record.environment})
        if len(versions) > 1:
            sentences.append(f"runs with different versions of {key} are mixed here: {', '.join(versions)}")
    return sentences
