"""Choosing TCP ports on the loopback interface."""

import contextlib
import random
import socket

import psutil

LOOPBACK = "127.0.0.1"

_PORTS = range(10_000, 32_768)
"""Below those of outgoing connections on Linux and macOS, one of which could take a port before its server does."""
_TRIES = 100


def free_port() -> int:
    """A port nothing listens on at this moment, and no outgoing connection will be given."""
    for _ in range(_TRIES):
        port = random.choice(_PORTS)  # noqa: S311 - so that several who choose at a time choose different ones
        if is_free(port):
            return port
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen on the port, on any address (a listener on 0.0.0.0 would get our clients)."""
    for address in (LOOPBACK, "0.0.0.0"):  # noqa: S104 - bound for an instant, never listening
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def is_open(port: int, host: str = LOOPBACK) -> bool:
    """Whether something accepts connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=0.5):
        return True
    return False


def holder_of(port: int) -> str | None:
    """Name and pid of the process that listens on the port, where the system lets us see it."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address[1] == port and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return None


def is_listener(pid: int, port: int) -> bool:
    """Whether this process listens on the port; True where the system does not let us see it."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return False
    except (psutil.Error, OSError):
        return True
    return any(item.status == psutil.CONN_LISTEN and item.laddr and item.laddr[1] == port for item in connections)
