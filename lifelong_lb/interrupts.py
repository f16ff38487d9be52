"""Parts of a program that Ctrl-C and SIGTERM may only interrupt afterwards."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer SIGINT and SIGTERM, so that nothing is created, in a folder or as a process, without being recorded.

    In threads other than the main one, which receive no signals, this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[Callable[[], object]] = []
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    before = {number: handler for number, handler in handlers.items() if callable(handler)}
    for number, handler in before.items():
        signal.signal(number, lambda *arguments, handler=handler: waiting.append(partial(handler, *arguments)))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for handle in waiting:
            handle()
