"""Interrupts of processes that a test starts."""

import signal


def enable_interrupts():
    """Enable SIGINT, which processes that a shell starts in the background ignore, and so do their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
