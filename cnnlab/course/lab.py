"""Open JupyterLab on the first notebook: what ``make lab`` does, on any system."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

from cnnlab.course.paths import course_root

FIRST = "notebooks/00_start_here.ipynb"


def has_display() -> bool:
    """Say whether a browser window can be opened from here."""
    if os.name == "nt" or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def is_root() -> bool:
    """Say whether this runs as root, which JupyterLab wants to be told."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def free_port(first: int = 8888) -> int:
    """Return the first free port from ``first`` on, on the loopback interface.

    0 leaves the choice to the system.

    Raises
    ------
    OSError
        If none of fifty ports is free.
    """
    last = min(first + 49, 2**16 - 1)
    for port in range(first, last + 1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise OSError(f"lab: no free port from {first} to {last}; name another: --port 0.")


def command(port: int, browser: bool) -> list[str]:
    """Return the line that starts JupyterLab; the token travels by environment."""
    options = [
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={course_root()}",
        f"--LabApp.default_url=/lab/tree/{FIRST}",
        "--Application.log_level=ERROR",
    ]
    if not browser:
        options.append("--no-browser")
    if is_root():
        options.append("--allow-root")
    return [sys.executable, "-m", "jupyterlab", *options]


def main(port: int = 8888, browser: bool | None = None) -> int:
    """Start JupyterLab, print its address once it answers, and wait until it ends."""
    port = free_port(port)
    token = secrets.token_hex(24)
    if browser is None:
        browser = has_display() and not is_root()
    server = subprocess.Popen(
        command(port, browser), env={**os.environ, "JUPYTER_TOKEN": token},
        preexec_fn=_with_parent(),
    )  # fmt: skip
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: server.terminate())
    try:
        if _answers(server, port):
            print(f"JupyterLab: {_address(server, port, token)}")
            print("Open this address if no browser window appeared. Ctrl-C stops it.")
            sys.stdout.flush()
        return server.wait()
    except KeyboardInterrupt:
        server.terminate()
        server.wait()
        print("\nJupyterLab is stopped; your notebooks are saved as you left them.")
        return 0


def _answers(server: subprocess.Popen, port: int, seconds: float = 60) -> bool:
    """Wait until the server answers; False where it ended or took too long."""
    end = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=1).close()
            return True
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.1)
    return server.poll() is None


def _address(server: subprocess.Popen, port: int, token: str) -> str:
    """Return what to open; a server that asks nobody who he is, is stopped.

    A user's own Jupyter settings win over the token that was drawn for this server.
    """
    address = f"http://127.0.0.1:{port}/lab/tree/{FIRST}"
    if _serves(port, None):
        server.terminate()
        server.wait()
        raise ValueError(
            "lab: your own Jupyter settings switch the token off, so every user of "
            "this machine could open your files; JupyterLab was stopped. Remove the "
            'token = "" from the settings (jupyter --paths lists their folders).'
        )
    if _serves(port, token):
        return f"{address}?token={token}"
    return f"{address} (with the token or password of your own Jupyter settings)"


def _serves(port: int, token: str | None) -> bool:
    """Say whether the server lists files for this token."""
    headers = {"Authorization": f"token {token}"} if token else {}
    address = f"http://127.0.0.1:{port}/api/contents"
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.geturl() == address  # and not a page to log in
    except OSError:
        return False


def _with_parent():
    """Return what lets a child end when this process is killed, where Linux can."""
    if sys.platform != "linux":
        return None
    import ctypes

    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
