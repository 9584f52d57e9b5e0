"""Fetch one file over an unreliable network: complete and checked, or not at all."""

import contextlib
import http.client
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from cnnlab.data import _base
from cnnlab.data._base import DataError

TIMEOUT = 30.0  # seconds without a byte before a connection counts as dead
TRIES = 3  # rounds over all addresses
PAUSE = 1.0  # seconds before the second round; doubles each time
SLOWEST = 1000  # bytes a second, averaged over TIMEOUT


class _Fault(Exception):
    """A fault of the network or the server, after which another try makes sense."""


def download(
    urls: Sequence[str],
    path: Path,
    md5: str,
    size: int,
    command: str,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Fetch ``path`` from the first address that delivers the right content.

    Bytes gather in ``path.part``, which a later call continues. ``path`` itself is
    replaced only by content with the right checksum.

    Parameters
    ----------
    urls : addresses of the same file, in order of preference
    md5, size : checksum and bytes of the content
    command : to name in messages, as the one to run again
    report : called with the bytes so far and the total

    Raises
    ------
    DataError
        If no address delivers it, or it cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    alive, faults = list(urls), []
    for round_ in range(TRIES):
        if round_:
            time.sleep(PAUSE * 2 ** (round_ - 1))
        for url in list(alive):
            said = ""
            if not _is_whole(part, md5):  # as a run killed at the end leaves it
                try:
                    _receive(url, part, size, command, report)
                except _Fault as fault:
                    said = str(fault)
                except urllib.error.HTTPError as error:
                    said = f"answered {error.code} {error.reason}"
                    if error.code == 416:  # nothing follows, yet it is not whole
                        part.unlink(missing_ok=True)
                    elif error.code < 500 and error.code not in (408, 429):
                        alive.remove(url)
            if _is_whole(part, md5):
                with _disk(path, command):
                    os.replace(part, path)
                return
            faults.append(f"{_host(url)} {said or _wrong(part, size)}")
    said = "; ".join(dict.fromkeys(faults))
    begun = part.exists() and part.stat().st_size
    kept = "What has arrived is kept" if begun else "Nothing was changed"
    raise DataError(
        f"{path.name} could not be fetched: {said}. {kept}; try again later: {command}"
    )


def _receive(url, part: Path, size: int, command: str, report) -> None:
    """Append what an address sends to ``part``, starting where it ends."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "cnnlab", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    try:
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            have = _continues_at(response, have)
            length = response.headers.get("Content-Length", "")
            total = have + int(length) if length.isdecimal() else None
            _base.require_space(part.parent, (total or size) - have, command)
            _copy(response, part, have, total, size, command, report)
    except urllib.error.HTTPError:
        raise
    except TimeoutError:
        raise _Fault(f"sent nothing for {TIMEOUT:g} seconds") from None
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise _Fault(f"cannot be reached ({reason})") from None
    except (http.client.HTTPException, OSError) as error:
        raise _Fault(f"broke off ({error or type(error).__name__})") from None


def _continues_at(response, have: int) -> int:
    """Return from which byte on the answer counts: ``have``, or 0 for a fresh start."""
    if response.headers.get_content_type() == "text/html":
        raise _Fault("sent a web page instead of the file")
    if response.status != 206:
        return 0
    start = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    if start is None or int(start[1]) != have:
        raise _Fault("sent another range than was asked for")
    return have


def _copy(response, part: Path, have: int, total, size: int, command, report) -> None:
    """Copy the body; raise if it is too short, too long, or too slow."""
    done, mark, at_mark = have, time.monotonic(), have
    with _disk(part, command):
        file = open(part, "ab" if have else "wb")
    with file:
        while block := response.read1(1 << 18):
            with _disk(part, command):
                file.write(block)
                file.flush()
            done += len(block)
            report(done, size)
            if done > 2 * size + 65536:
                file.truncate(0)
                raise _Fault(f"sends more than the {size:,} bytes of the file")
            if time.monotonic() - mark > TIMEOUT:
                if done - at_mark < SLOWEST * TIMEOUT:
                    raise _Fault(f"sends fewer than {SLOWEST:,} bytes a second")
                mark, at_mark = time.monotonic(), done
    if total is not None and done < total:
        raise _Fault(f"broke off after {done:,} of {total:,} bytes")


@contextlib.contextmanager
def _disk(part: Path, command: str):
    """Tell a failed write apart from a failed connection: it ends the download."""
    try:
        yield
    except OSError as error:
        raise _base.disk_fault(error, part, command) from None


def _is_whole(part: Path, md5: str) -> bool:
    """Return whether the part is the file, however it came about."""
    return part.is_file() and _base.digest(part, "md5") == md5


def _wrong(part: Path, size: int) -> str:
    """Word content that ended in good order but has another checksum."""
    done = part.stat().st_size
    if done < size:  # an honest beginning, as far as can be told: to be continued
        return f"sent only {done:,} of {size:,} bytes"
    part.unlink()
    return "sent other content (its md5 is wrong), which was discarded"


def _host(url: str) -> str:
    """Return the host of an address, for messages."""
    return urllib.parse.urlsplit(url).netloc or url
