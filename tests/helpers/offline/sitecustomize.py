"""For processes of the tests: every connection and look-up beyond this machine is refused, and noted in a file."""

import ipaddress
import os
import socket
import traceback
from pathlib import Path

_CONNECT, _CONNECT_EX, _LOOK_UP = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo


def _is_here(host):
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    if host in (None, "", "localhost", socket.gethostname()):
        return True
    try:
        address = ipaddress.ip_address(host)
    except (TypeError, ValueError):
        return False
    return address.is_loopback or address.is_unspecified or str(address) in _OWN


def _refuse(host):
    with Path(os.environ["REFUSED"]).open("a", encoding="utf-8") as file:
        file.write(f"{host!r}\n{''.join(traceback.format_stack(limit=25))}\n")
    raise OSError(101, "refused by the test", str(host))


def _checked(method):
    """Without datagrams: connecting such a socket only chooses the local address and sends nothing."""

    def connect(self, address, *rest):
        internet = self.family in (socket.AF_INET, socket.AF_INET6) and self.type != socket.SOCK_DGRAM
        if internet and not _is_here(address[0]):
            _refuse(address)
        return method(self, address, *rest)

    return connect


def _checked_look_up(host, *rest, **more):
    if not _is_here(host):
        _refuse(host)
    return _LOOK_UP(host, *rest, **more)


if "REFUSED" in os.environ:
    try:
        _OWN = {entry[4][0] for entry in _LOOK_UP(socket.gethostname(), None)}
    except OSError:
        _OWN = set()
    socket.socket.connect = _checked(_CONNECT)
    socket.socket.connect_ex = _checked(_CONNECT_EX)
    socket.getaddrinfo = _checked_look_up
