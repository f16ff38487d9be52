"""Statistics that normalise the images of a stream."""

from lifelong_lb.config import StreamEntry, UserError

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
        raise UserError(
            f"{entry.name}: normalise must have {channels} means and deviations, one per channel of {entry.images}; "
            f"got {len(means)}"
        )
    return means, deviations
