"""The map of the course, the command line and the check-up."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from cnnlab import checks, course, data
from cnnlab.course import checkup, lab, paths, records


def test_the_map_has_sixteen_lessons_in_order():
    assert [lesson.number for lesson in course.LESSONS] == [
        f"{i:02d}" for i in range(16)
    ]
    assert all(lesson.question.endswith("?") for lesson in course.LESSONS)


def test_every_notebook_carries_the_title_the_map_gives_it():
    for lesson in course.LESSONS:
        if lesson.path is not None:
            source = lesson.path.parent / "src" / f"{lesson.path.stem}.md"
            title = re.search(r"^# (.*)$", source.read_text(encoding="utf-8"), re.M)
            assert title.group(1) == f"{lesson.number} · {lesson.title}"


def test_every_exercise_belongs_to_a_notebook_that_exists():
    there = {lesson.number for lesson in course.LESSONS if lesson.path is not None}
    assert {exercise.notebook for exercise in checks.EXERCISES.values()} <= there


@pytest.mark.usefixtures("no_progress")
def test_solving_an_exercise_fills_its_dot_and_names_the_next():
    assert "Next: zero_to_eight" in course.progress_text()
    exercise = checks.EXERCISES["zero_to_eight"]
    assert exercise(exercise.reference).passed
    text = course.progress_text()
    assert text.count("●") == 1 and "1 of 6" in text
    assert "Next: value_count" in text
    assert "●○○○○○ 1 of 6" in course.overview()._repr_html_()


@pytest.mark.usefixtures("no_progress")
def test_the_practice_exercise_does_not_count():
    assert checks.practice(checks.practice.reference).passed
    assert checks.solved() == set()


def test_the_check_up_finds_this_environment_ready():
    report = checkup.run()
    assert report.ready, report
    names = [row.name for row in report]
    for name in ("Python", "Packages", "Device", "Threads", "Disk", "Data", "Kernel"):
        assert name in names
    assert "Ready for the course." in repr(report)


def test_the_check_up_names_a_missing_package_and_its_remedy(monkeypatch):
    monkeypatch.setattr(
        checkup.metadata,
        "requires",
        lambda name: ["a-package-nobody-has>=3", "numpy>=99"],
    )
    (row,) = checkup._packages()
    assert row.state == checkup.PROBLEM
    assert "a-package-nobody-has is missing" in row.text
    assert "numpy>=99 is wanted" in row.text and "pip install" in row.text


def test_the_check_up_survives_a_broken_probe(monkeypatch):
    def _disk():
        raise OSError("no such device")

    monkeypatch.setattr(checkup, "_disk", _disk)
    report = checkup.run()
    assert not report.ready
    assert "no such device" in repr(report) and "Kernel" in repr(report)


def test_the_check_up_warns_before_the_disk_is_full(monkeypatch):
    usage = type("usage", (), {"free": 50 * 2**20})
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda path: usage)
    (row,) = checkup._disk()
    assert row.state == checkup.PROBLEM and "Make room" in row.text


def test_data_roots_come_from_the_variable_first(monkeypatch, tmp_path):
    monkeypatch.setenv("CNNLAB_DATA", f"{tmp_path}{os.pathsep}{tmp_path / 'b'}")
    roots = paths.data_roots()
    assert roots[:2] == [tmp_path, tmp_path / "b"]
    assert roots[2] == paths.course_root() / "data"


def test_none_hides_every_data_root_and_says_so(monkeypatch):
    monkeypatch.setenv("CNNLAB_DATA", "none")
    assert paths.data_roots() == []
    with pytest.raises(data.DataError, match="CNNLAB_DATA=none hides them"):
        data.load("mnist")
    assert len(data.load("digits", "test")) == 359


def test_a_record_carries_hardware_versions_and_its_command(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "results_dir", lambda: tmp_path)
    records.write("trial", {"seeds": 3, "mean": 0.5})
    found = records.read("trial")
    assert found["seeds"] == 3 and found["hardware"]["cores"] >= 1
    assert "numpy" in found["versions"] and found["command"]
    assert [path.name for path in tmp_path.iterdir()] == ["trial.json"]
    elsewhere = records.write("trial", {"seeds": 4}, folder=tmp_path / "new")
    assert elsewhere == tmp_path / "new" / "trial.json" and elsewhere.is_file()
    assert records.read("trial")["seeds"] == 3


def test_a_record_never_measured_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(records, "results_dir", lambda: tmp_path)
    with pytest.raises(FileNotFoundError, match="no stored measurement 'nothing'"):
        records.read("nothing")


def test_the_launch_line_stays_on_the_loopback_interface_and_hides_the_token():
    line = " ".join(lab.command(8999, browser=False))
    assert "ip=127.0.0.1" in line and "--no-browser" in line
    assert "token" not in line
    assert ("--allow-root" in line) == lab.is_root()


def _run(*words: str) -> subprocess.CompletedProcess:
    line = [sys.executable, "-m", "cnnlab", *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=120)


def test_the_command_line_prints_progress_and_explains_itself():
    assert "Start here" in _run("progress").stdout
    shown = _run("--help").stdout
    for word in ("check-up", "lab", "data", "progress"):
        assert word in shown
    assert _run("nonsense").returncode == 2


@pytest.mark.slow
def test_jupyterlab_starts_answers_with_its_token_and_stops():
    line = [sys.executable, "-m", "cnnlab", "lab", "--no-browser", "--port", "18765"]
    server = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    try:
        start = time.monotonic()
        address = server.stdout.readline().split()[-1]
        assert address.startswith("http://127.0.0.1:")
        assert "notebooks/00_start_here.ipynb?token=" in address
        assert urllib.request.urlopen(address, timeout=30).status == 200
        with pytest.raises(urllib.error.HTTPError, match="403"):
            base = address.split("/lab")[0]
            urllib.request.urlopen(f"{base}/api/contents", timeout=30)
        assert time.monotonic() - start < 60
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) is not None
