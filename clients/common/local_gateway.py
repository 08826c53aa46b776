"""What tests share that start a gateway on this machine."""

import socket
import time

import requests


def free_port():
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(what, is_so, seconds=60):
    """Waits until `is_so()` holds. A request that fails is none that holds; `what` is named if it takes too long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if is_so():
                return
        except requests.RequestException:
            pass
        time.sleep(0.05)
    raise TimeoutError(f"{what} took more than {seconds} s")
