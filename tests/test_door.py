"""The one door of all command lines: closed outputs, poor terminals, errors."""

import contextlib
import errno
import io
import os
import subprocess
import sys
import warnings

import pytest

from cnnlab import __main__ as course_line
from cnnlab import packed
from cnnlab.course import checkup, data_cli, door, lab
from cnnlab.packed import __main__ as packed_line
from cnnlab.train import __main__ as train_line

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
LINES = {"cnnlab": course_line, "packed": packed_line, "train": train_line}


@pytest.mark.parametrize("name", [*LINES, "cnnlab data"])
def test_every_command_line_passes_through_the_door(monkeypatch, name):
    seen = []
    monkeypatch.setattr(door, "enter", lambda run, name, *_, **__: seen.append(name))
    LINES.get(name, data_cli).main([])
    assert seen == [name]


# ---------------------------------------------------------------------------- errors


def failing(error):
    def run(argv):
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("give more"), "trial: give more\n"),
        (TypeError("trial: not this"), "trial: not this\n"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/a/b"),
            "trial: /a/b cannot be used (Permission denied).\n",
        ),
        (MemoryError(), "trial: there is not enough memory. Close other programs, or"),
        (KeyError(""), "trial: an error that was not foreseen (KeyError: '')."),
        (RuntimeError("one\ntwo"), "foreseen (RuntimeError: one). --debug shows"),
        (ValueError("a\x1b[31m\x07.jpg"), "trial: a\\x1b[31m\\x07.jpg\n"),
        (ValueError(), "trial: an error that was not foreseen (ValueError: no mess"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_is_one_sentence_and_debug_shows_where_it_arose(capsys, error, said):
    assert door.enter(failing(error), "trial", ["--x"]) == 1
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1 and "Traceback" not in told
    with pytest.raises(type(error)):
        door.enter(failing(error), "trial", ["--x", "--debug"])


def test_a_warning_is_its_sentence(capsys, monkeypatch):
    def run(argv):
        line = warnings.formatwarning("two\x1b lines", UserWarning, "file.py", 3)
        return print(line, file=sys.stderr) or 0

    before = warnings.formatwarning
    door.enter(run, "trial", [])
    assert capsys.readouterr().err == "trial: two\\x1b lines\n\n"
    door.enter(run, "trial", ["--debug"])
    assert "file.py:3: UserWarning" in capsys.readouterr().err
    assert warnings.formatwarning is before


def test_ctrl_c_is_status_130_and_says_how_to_go_on(capsys):
    run = failing(KeyboardInterrupt())
    assert door.enter(run, "trial", [], stopped="Do it again.") == 130
    assert capsys.readouterr().err == "\ntrial: stopped. Do it again.\n"


def test_the_command_sees_its_arguments_without_debug():
    assert door.enter(len, "trial", ["a", "--debug", "b"]) == 2


def test_a_user_who_does_not_exist_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    lost = "~nobodyhere/x"
    line = ["--preset", "small", "--data", "digits", "--out", "run"]
    for place in (3, 5):
        words = [*line[:place], lost, *line[place + 1 :]]
        assert train_line.main(words) == 1
        said = capsys.readouterr().err
        assert f"no home folder for {lost.split('/')[0]}" in said and "\n" in said[-1:]
    assert train_line.main(["eval", lost]) == 1
    assert packed_line.main([lost, "store"]) == 1
    assert data_cli.main(["unpack", lost]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 3 and "Traceback" not in said


@pytest.mark.parametrize("port", ["70000", "-1", "x", "65536"])
def test_a_port_that_does_not_exist_is_refused(capsys, port):
    with pytest.raises(SystemExit):
        course_line.main(["lab", "--port", port])
    assert "a port is a number from 0 to 65535" in capsys.readouterr().err


def test_port_0_is_one_that_the_system_chooses():
    assert lab.free_port(0) > 0


def test_behind_the_last_port_there_is_no_other():
    with contextlib.suppress(OSError):  # it may be taken
        assert lab.free_port(65_535) == 65_535


# --------------------------------------------------------------------------- streams


@pytest.fixture
def stdout(monkeypatch):
    """Return a function that makes an open file the standard output."""
    opened = []

    def use(number: int, encoding: str = "utf-8"):
        file = io.TextIOWrapper(open(number, "wb"), encoding=encoding)
        opened.append(file)
        monkeypatch.setattr(sys, "stdout", file)

    yield use
    monkeypatch.undo()
    for file in opened:
        file.close()


def chat(argv) -> int:
    for _ in range(3):
        print("x" * 50_000)
        print("✓ flushed", flush=True)
    return 0


@POSIX
def test_a_pipe_that_nobody_reads_ends_nothing(stdout, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    stdout(writing)
    assert door.enter(chat, "trial", []) == 0


@POSIX
def test_a_terminal_that_was_closed_ends_nothing(stdout):
    ours, theirs = os.openpty()
    os.close(ours)  # writing fails with EIO from now on
    stdout(theirs)
    assert door.enter(chat, "trial", []) == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_fails_a_command_that_is_there_to_write(stdout, capsys):
    stdout(os.open("/dev/full", os.O_WRONLY))
    assert door.enter(chat, "trial", []) == 1
    assert "the output was not written (No space left" in capsys.readouterr().err
    assert door.enter(chat, "trial", [], needs_output=False) == 0


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "cp437"])
def test_a_terminal_without_a_check_mark_gets_a_plus(tmp_path, stdout, encoding):
    place = tmp_path / "said"
    stdout(os.open(place, os.O_WRONLY | os.O_CREAT), encoding)
    row = checkup.Row("Python", checkup.OK, "日")
    assert door.enter(lambda argv: print(checkup.Report([row])) or 0, "trial", []) == 0
    assert place.read_bytes().startswith(b"+ Python     \\u65e5\n")


def test_the_callers_streams_come_back(stdout, tmp_path):
    stdout(os.open(tmp_path / "said", os.O_WRONLY | os.O_CREAT))
    before = sys.stdout
    door.enter(failing(ValueError("x")), "trial", [])
    assert sys.stdout is before


ALONE = """
import os, sys
from cnnlab.course import door
def run(argv):
    print("heard by nobody")
    with open(argv[0], "w") as file:  # must not become a standard stream
        print("to nobody either", file=sys.stderr)
        file.write(f"{file.fileno()} {sys.stdin.read()!r}")
    return 7
for number in (0, 1, 2):
    os.close(number)
sys.stdin = sys.stdout = sys.stderr = None
os._exit(door.enter(run, "trial"))
"""


@POSIX
def test_closed_standard_streams_are_no_place_for_files(tmp_path):
    place = tmp_path / "file"
    done = subprocess.run([sys.executable, "-c", ALONE, str(place)], timeout=60)
    assert done.returncode == 7
    assert int(place.read_text().split()[0]) > 2 and place.read_text().endswith(" ''")


def test_packing_goes_on_without_an_output(tmp_path, stdout, monkeypatch):
    monkeypatch.setattr(packed, "pack", lambda *_, **__: "a report")
    reading, writing = os.pipe()
    os.close(reading)
    stdout(writing)
    assert packed_line.main(["source", "store"]) == 0
