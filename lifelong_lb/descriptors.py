"""Standard file descriptors that the caller has closed."""

import os


def open_closed_descriptors() -> None:
    """Open the null device on those of the descriptors 0, 1 and 2 that are closed.

    Otherwise the next files and pipes to be opened get these numbers, and output is written into them.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            os.set_inheritable(descriptor, True)
