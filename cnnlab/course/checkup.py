"""The check-up: is this machine ready for the course, and if not, what mends it?"""

import html
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata

from cnnlab.course.paths import course_root
from cnnlab.course.records import hardware

OK, NOTE, PROBLEM = "ok", "note", "problem"


@dataclass(frozen=True)
class Row:
    """One line of the check-up; ``state`` is ``ok``, ``note`` or ``problem``."""

    name: str
    state: str
    text: str


class Report(list):
    """Rows of a check-up, shown as text in a terminal and a table in a notebook."""

    @property
    def ready(self) -> bool:
        return not any(row.state == PROBLEM for row in self)

    def __repr__(self) -> str:
        marks = {OK: "✓", NOTE: "·", PROBLEM: "✗"}
        lines = [f"{marks[row.state]} {row.name:<10} {row.text}" for row in self]
        return "\n".join([*lines, "", self._conclusion()])

    def _repr_html_(self) -> str:
        marks = {OK: "✓ ok", NOTE: "· note", PROBLEM: "✗ problem"}
        cells = "".join(
            f"<tr><td style='text-align:left'><b>{html.escape(row.name)}</b></td>"
            f"<td style='text-align:left'>{marks[row.state]}</td>"
            f"<td style='text-align:left'>{html.escape(row.text)}</td></tr>"
            for row in self
        )
        return f"<table>{cells}</table><p><b>{self._conclusion()}</b></p>"

    def _conclusion(self) -> str:
        if self.ready:
            return "Ready for the course."
        return "Not ready yet: mend the lines marked as a problem."


def run() -> Report:
    """Look at Python, packages, device, threads, disk, memory, data sets, kernel."""
    parts = (_python, _packages, _device, _threads, _disk, _memory, _data, _kernel)
    return Report(row for part in parts for row in _guarded(part))


def _guarded(part) -> list[Row]:
    name = part.__name__.strip("_")
    try:
        return part()
    except Exception as error:  # one broken probe must not hide the others
        return [Row(name, PROBLEM, f"could not be examined: {error}")]


def _python() -> list[Row]:
    return [Row("Python", OK, platform.python_version())]


def _packages() -> list[Row]:
    from packaging.requirements import Requirement

    wanted = [Requirement(text) for text in metadata.requires("cnnlab") or []]
    wanted = [r for r in wanted if r.marker is None or r.marker.evaluate()]
    faults, shown = [], []
    for requirement in wanted:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            faults.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            faults.append(f"{requirement} is wanted, {version} is installed")
        if requirement.name in ("numpy", "matplotlib", "torch", "jupyterlab"):
            shown.append(f"{requirement.name} {version.split('+')[0]}")
    if faults:
        text = f"{'; '.join(faults)}. Mend it: python -m pip install -e ."
        return [Row("Packages", PROBLEM, text)]
    return [Row("Packages", OK, ", ".join(sorted(shown)))]


def _device() -> list[Row]:
    early = "torch" in sys.modules
    try:
        import torch
    except Exception as error:
        text = (
            f"PyTorch does not load ({error}). Mend it: "
            "python -m pip install --force-reinstall torch torchvision"
        )
        return [Row("Device", PROBLEM, text)]
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        memory = properties.total_memory / 2**30
        rows = [Row("Device", OK, f"CUDA: {properties.name}, {memory:.0f} GiB")]
    elif torch.backends.mps.is_available():
        rows = [Row("Device", OK, "MPS: the graphics part of an Apple processor")]
    else:
        rows = [Row("Device", OK, "CPU; enough for all but the full AlexNet training")]
    if early and os.environ.get("OMP_WAIT_POLICY", "").upper() != "PASSIVE":
        text = (
            "torch was imported before cnnlab; import cnnlab first (idle threads spin)"
        )
        rows.append(Row("Order", NOTE, text))
    return rows


def _threads() -> list[Row]:
    import torch

    cores = hardware()["cores"]
    return [Row("Threads", OK, f"{torch.get_num_threads()} on {cores} cores")]


def _disk() -> list[Row]:
    free = shutil.disk_usage(course_root()).free / 2**30
    if free < 0.2:
        text = f"{free:.1f} GiB free; notebooks cannot be saved. Make room: 1 GiB."
        return [Row("Disk", PROBLEM, text)]
    if free < 2:
        text = f"{free:.1f} GiB free; enough for the notebooks, not for large data sets"
        return [Row("Disk", NOTE, text)]
    return [Row("Disk", OK, f"{free:.0f} GiB free")]


def _memory() -> list[Row]:
    total = hardware()["memory_gib"]
    if total is None:
        return [Row("Memory", NOTE, "size unknown on this system; 4 GiB are enough")]
    if total < 3.5:
        return [Row("Memory", NOTE, f"{total} GiB; close other programs, 4 is advised")]
    return [Row("Memory", OK, f"{total} GiB")]


def _data() -> list[Row]:
    from cnnlab import data

    found = [row.name for row in data.available() if row.found]
    missing = [row.name for row in data.available() if not row.found]
    rows = [Row("Data", OK, f"found: {', '.join(found)}")]
    if missing:
        text = (
            f"optional, not on this disk: {', '.join(missing)}. "
            f"Get one: python -m cnnlab data fetch {missing[0]}"
        )
        rows.append(Row("", NOTE, text))
    return rows


def _kernel() -> list[Row]:
    """Does the kernel that notebooks name run a Python that has this package?"""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        text = "none named python3. Mend it: python -m ipykernel install --sys-prefix"
        return [Row("Kernel", PROBLEM, text)]
    program = spec.argv[0]
    if program in ("python", "python3") or os.path.samefile(program, sys.executable):
        if importlib.util.find_spec("cnnlab") is not None:
            return [Row("Kernel", OK, "python3 runs this Python, and finds cnnlab")]
    answer = subprocess.run(
        [program, "-c", "import json, cnnlab; print(json.dumps(cnnlab.__version__))"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    if answer.returncode == 0 and json.loads(answer.stdout):
        return [Row("Kernel", OK, "python3 runs another Python, which finds cnnlab")]
    text = (
        "python3 runs a Python without cnnlab. Mend it: start JupyterLab with "
        "make lab, or python -m ipykernel install --sys-prefix"
    )
    return [Row("Kernel", PROBLEM, text)]
