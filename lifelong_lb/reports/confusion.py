"""Which class test images were predicted as: as one tidy frame, and as accuracies of single classes."""

from os import PathLike
from pathlib import Path

import pandas as pd

from lifelong_lb.config import UserError
from lifelong_lb.reports.results import KEYS
from lifelong_lb.store import ResultFolder


def load_confusion(out: str | PathLike[str]) -> pd.DataFrame:
    """Read the confusion counts of all runs of a result folder.

    Args:
        out: the folder. Its study asks for them with ``evaluation: {confusion: true}``.

    Returns:
        One row a combination that occurred: run, stream, strategy, rule, base_optimizer and seed as in
        ``results.csv``; ``trained``, the experience trained on last; ``evaluated``, the one whose test images were
        shown; ``class`` and ``predicted``, the data set's own labels; and ``count``, the number of images. In the
        task-incremental scenario predictions lie within the experience's own classes; in permuted and rotated streams
        all classes occur in every experience. For a stream that you have added, labels are those that the model is
        asked for.

    Raises:
        UserError: when the folder holds none, or a file is damaged.
    """
    folder = ResultFolder(Path(out))
    study = folder.read_study()
    if study is None:
        raise UserError(f"{out}: no results here (no study.json)")
    labels, seeds = study.labels(), study.seeds()
    frames = []
    for run in labels:
        frame = folder.read_confusion(run)
        if frame is not None:
            own = [*frame.columns]
            frames.append(frame.assign(run=run, seed=seeds[run], **labels[run])[[*KEYS, *own]])
    if not frames:
        raise UserError(f"{out}: no confusion counts here; a study asks for them with evaluation: {{confusion: true}}")
    return pd.concat(frames, ignore_index=True)


def per_class_accuracy(confusion: pd.DataFrame) -> pd.DataFrame:
    """Accuracy on the images of each class.

    Args:
        confusion: from :func:`load_confusion`, or some of its rows or columns: ``class``, ``predicted`` and ``count``,
            and further ones that say what is told apart.

    Returns:
        One row a class and combination of the further columns, in which ``images`` is the number of its images and
        ``accuracy`` the fraction of them that were predicted as what they are. Leave the column ``evaluated`` out for
        a class's accuracy over all experiences.

    Example:
        >>> counts = [(0, 0, 6), (0, 1, 2), (1, 1, 5)]
        >>> per_class_accuracy(pd.DataFrame(counts, columns=["class", "predicted", "count"]))
           class  images  accuracy
        0      0       8      0.75
        1      1       5      1.00
    """
    keys = [column for column in confusion.columns if column not in ("predicted", "count")]
    right = confusion["count"].where(confusion["class"] == confusion["predicted"], 0)
    sums = confusion[keys].assign(images=confusion["count"], right=right)
    table: pd.DataFrame = sums.groupby(keys, sort=False, dropna=False, as_index=False).sum()
    table["accuracy"] = table["right"] / table["images"]
    return table.drop(columns="right")
