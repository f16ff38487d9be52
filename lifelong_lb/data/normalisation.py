"""Statistics that normalise the images of a stream."""

from collections.abc import Sequence

from lifelong_lb.config import StreamEntry, Vectors, refuse

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of each channel, in units of 0..1."""


def statistics_of(entry: StreamEntry, of_images: Statistics) -> Statistics:
    """Select the statistics that normalise the images of a stream.

    Args:
        entry: the stream's entry in the study file.
        of_images: statistics of the data set's train part.

    Returns:
        Those that the entry chooses; means of 0 and deviations of 1 for ``none``.

    Raises:
        UserError: if the entry gives numbers for another number of channels.
    """
    channels = len(of_images[0])
    if entry.normalise == "dataset":
        return of_images
    if isinstance(entry.normalise, str):
        return (0.0,) * channels, (1.0,) * channels
    means, deviations = entry.normalise
    if len(means) != channels:
        refuse(
            entry,
            "normalise",
            f"normalise must have {channels} means and deviations, one per channel of {entry.images}; got {len(means)}",
        )
    return means, deviations


def check_statistics(entry: StreamEntry, shape: Sequence[int]) -> None:
    """Check the numbers that a stream gives to normalise images, or to standardise vectors.

    Args:
        entry: the stream's entry in the study file.
        shape: ``(C, H, W)`` of the images; ``(1, 1, F)`` of vectors.

    Raises:
        UserError: if they are for another number of channels or features.
    """
    statistics_of(entry, ((0.0,) * shape[0], (1.0,) * shape[0]))
    if isinstance(entry, Vectors) and not isinstance(entry.standardise, str):
        features, given = shape[-1], len(entry.standardise[0])
        if given != features:
            refuse(
                entry,
                "standardise",
                f"standardise must have {features} means and deviations, one per feature of {entry.images}; "
                f"got {given}",
            )
