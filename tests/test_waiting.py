"""How threads wait is chosen before PyTorch loads, by what the machine does."""

import math
import os
import subprocess
import sys

import pytest

import cnnlab
from cnnlab import _waiting

LINUX = hasattr(os, "sched_getaffinity")
TRAIN = ["-m", "cnnlab.train", "--presets"]


@pytest.fixture
def machine(monkeypatch):
    """Return a function that sets cores, quota and use by others, then chooses."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    def choose(cores=4, quota=math.inf, used=0.0, **variables):
        monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(
            os, "sched_getaffinity", lambda _: set(range(cores)), raising=False
        )
        monkeypatch.setattr(_waiting, "quota", lambda: quota)
        monkeypatch.setattr(_waiting, "used", lambda: used)
        _waiting.spin_if_idle()
        return os.environ.get("GOMP_SPINCOUNT")

    yield choose
    os.environ.pop("GOMP_SPINCOUNT", None)


def test_threads_spin_on_an_idle_machine_only(machine):
    spins = str(_waiting.SPINS)
    assert machine() == machine(used=0.05) == machine(quota=4) == spins
    assert machine(used=0.5) is machine(used=math.inf) is None
    assert machine(cores=1) is machine(quota=3.5) is None


def test_what_was_set_before_is_kept(machine):
    assert machine(GOMP_SPINCOUNT="7") == "7"
    assert machine(OMP_NUM_THREADS="1") is None
    assert machine(OMP_NUM_THREADS="2", quota=2) == str(_waiting.SPINS)


def test_quotas_of_both_kinds_of_containers_are_read(tmp_path):
    assert _waiting.quota(tmp_path) == math.inf
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    for text, cores in (("-1\n", math.inf), ("50000\n", 0.5)):
        (tmp_path / "cpu/cpu.cfs_quota_us").write_text(text)
        assert _waiting.quota(tmp_path) == cores
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert _waiting.quota(tmp_path) == 1.5
    (tmp_path / "cpu.max").write_text("max 100000\n")
    (tmp_path / "cpu/cpu.cfs_quota_us").unlink()
    assert _waiting.quota(tmp_path) == math.inf


def test_work_on_the_cores_that_may_be_used_is_counted(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 2}, raising=False)
    stat = tmp_path / "stat"
    stat.write_text(
        "cpu  9 9 9 9 9 9 9 9 0 0\n"
        "cpu0 1 2 3 900 900 4 5 6 7 8\n"
        "cpu1 50 50 50 900 900 50 50 50 0 0\n"
        "cpu2 10 0 0 900 900 0 0 0 0 0\nintr 1 2\n"
    )
    assert _waiting._busy(stat) == 1 + 2 + 3 + 4 + 5 + 6 + 10


@pytest.mark.skipif(not LINUX, reason="only Linux says what its cores do")
def test_another_program_is_seen():
    rival = subprocess.Popen([sys.executable, "-c", "print(1, flush=True)\nwhile 1: 0"],
                             stdout=subprocess.PIPE)  # fmt: skip
    try:
        rival.stdout.readline()
        assert _waiting.used() > _waiting.BUSY
    finally:
        rival.kill()
        rival.communicate()


def policy_at_loading(line: list[str], tmp_path, **variables) -> str:
    """Return what a Python finds set when it loads torch, on a machine that is idle."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys, importlib.abc\n"
        "class Looker(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'cnnlab._waiting':\n"
        "            from importlib.machinery import PathFinder\n"
        "            spec = PathFinder.find_spec(name, path)\n"
        "            run = spec.loader.exec_module\n"
        "            def loaded(module):\n"
        "                run(module)\n"
        "                module._cores, module.used = (lambda: 2), (lambda: 0.0)\n"
        "            spec.loader.exec_module = loaded\n"
        "            return spec\n"
        "        if name == 'torch':\n"
        "            get = os.environ.get\n"
        "            print(get('OMP_WAIT_POLICY'), get('GOMP_SPINCOUNT'))\n"
        "            sys.stdout.flush(), os._exit(0)\n"
        "sys.meta_path.insert(0, Looker())\n"
    )
    root = os.path.dirname(os.path.dirname(cnnlab.__file__))
    paths = os.pathsep.join([str(tmp_path), root])
    unset = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    kept = {name: v for name, v in os.environ.items() if name not in unset}
    run = subprocess.run(
        [sys.executable, *line], env=kept | {"PYTHONPATH": paths} | variables,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def test_only_the_command_line_of_training_lets_threads_spin(tmp_path):
    spins = f"PASSIVE {_waiting.SPINS}"
    notebook = ["-c", "from cnnlab import train"]
    assert policy_at_loading(TRAIN, tmp_path) == spins
    assert policy_at_loading(notebook, tmp_path) == "PASSIVE None"
    for policy in ("PASSIVE", "ACTIVE"):
        found = policy_at_loading(TRAIN, tmp_path, OMP_WAIT_POLICY=policy)
        assert found == f"{policy} None"
