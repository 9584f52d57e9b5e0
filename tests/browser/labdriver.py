"""Drive real JupyterLab in a real Chromium: start, open, run, press keys, look.

Every check returns a list of complaints in words; an empty list is a pass. The tests
hold that good notebooks give none, and that broken ones are caught.
"""

import ast
import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import symtable
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_OPTIONS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
).split()
SCRIPT = Path(__file__).with_name("labdriver.js")


def chromium() -> str | None:
    """Return the browser to drive: ``CNNLAB_CHROMIUM``, or the first one found."""
    named = os.environ.get("CNNLAB_CHROMIUM")
    if named:
        return shutil.which(named)
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def missing() -> str | None:
    """Return why the browser cannot be driven here, or None where it can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "the Python package playwright is not installed (pip install playwright)"
    if chromium() is None:
        return (
            "no Chromium found; install it (apt-get install chromium) or name one in "
            "the environment variable CNNLAB_CHROMIUM"
        )
    return None


def environment(scratch: Path) -> dict:
    """Return an environment in which JupyterLab shares nothing with its user's own."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    for name in ("CNNLAB_STRICT", "PYTEST_CURRENT_TEST"):
        env.pop(name, None)
    folders = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "IPYTHONDIR": "ipython",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "JUPYTER_PATH": "share",
    }
    for name, folder in folders.items():
        (scratch / folder).mkdir(parents=True, exist_ok=True)
        env[name] = str(scratch / folder)
    news = scratch / "settings/@jupyterlab/apputils-extension"
    news.mkdir(parents=True, exist_ok=True)
    (news / "notification.jupyterlab-settings").write_text('{"fetchNews": "false"}')
    kernel = scratch / "share/kernels/python3"
    kernel.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": command, "display_name": "Python 3 (ipykernel)"}
    (kernel / "kernel.json").write_text(json.dumps({**spec, "language": "python"}))
    env["CNNLAB_PROGRESS"] = str(scratch / "progress.json")
    return env


@contextlib.contextmanager
def server(folder: Path, scratch: Path, seconds: float = 60):
    """Serve ``folder`` with JupyterLab on 127.0.0.1; yield its address and token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    options = [
        "--no-browser",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={token}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--allow-root")
    env, url = environment(scratch), f"http://127.0.0.1:{port}"
    log = scratch / "server.log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            stdout=out,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=folder,
        )
    try:
        _await_server(process, url, token, log, seconds)
        yield url, token
    finally:
        process.terminate()  # the server then ends its kernels
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)


def _await_server(process, url: str, token: str, log: Path, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{url}/api/status?token={token}", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    tail = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"JupyterLab did not answer within {seconds} s:\n{tail}")


@contextlib.contextmanager
def browser(scratch: Path, width: int = 1280, height: int = 1000):
    """Start Chromium with a profile of its own; yield a Playwright page."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(scratch / "profile"),
            executable_path=chromium(),
            headless=True,
            args=CHROMIUM_OPTIONS,
            viewport={"width": width, "height": height},
        )
        context.set_default_timeout(30_000)
        try:
            yield context.pages[0]
        finally:
            context.close()


class Notebook:
    """One notebook open in JupyterLab, and everything that went wrong in it."""

    def __init__(self, page, url: str, token: str):
        self.page, self.url, self.token = page, url, token
        self.console: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.console.append(f"page error: {error}"))
        page.on("console", self._heard)
        page.on("request", self._requested)
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    def _heard(self, message) -> None:
        if message.type == "error":
            self.console.append(f"console: {message.text[:300]}")

    def _requested(self, request) -> None:
        inside = (self.url, self.url.replace("http", "ws", 1), "data:", "blob:")
        if not request.url.startswith((*inside, "about:")):
            self.requests.append(f"left this machine: {request.url[:200]}")

    def _failed(self, request) -> None:
        why = request.failure or ""
        if request.url.startswith("http") and "ERR_ABORTED" not in why:
            self.requests.append(f"failed ({why}): {request.url[:200]}")

    def _answered(self, response) -> None:
        if response.status >= 400:
            self.requests.append(f"status {response.status}: {response.url[:200]}")

    def open(self, path: str) -> None:
        """Open ``path`` (relative to the served folder) and wait for its kernel."""
        page, self.path = self.page, path
        page.goto(f"{self.url}/lab/tree/{path}?reset&token={self.token}")
        page.wait_for_function(
            "() => window.jupyterapp?.shell.currentWidget?.sessionContext"
        )
        page.evaluate(SCRIPT.read_text(encoding="utf-8"))
        page.evaluate("() => cnnlab.ready()")
        self.console.clear()
        self.requests.clear()

    def run_all(self, silent: float = 45, only: list[int] | None = None) -> bool:
        """Run all cells, or ``only`` some; return whether all went well.

        JupyterLab waits for ever where an answer of the kernel was lost on its way
        (seen once in some hundred runs: all cells had run). After so many seconds of
        silence, ten times as many while a cell runs, the notebook is opened and run
        once more, by a new kernel; then silence is a fault.
        """
        for _ in range(2):
            well = self.page.evaluate("both => cnnlab.runAll(both)", [silent, only])
            if well != "lost":
                return bool(well)
            self.close()
            self.open(self.path)
        return False

    def close(self) -> None:
        """Shut the kernel down and close the tab without asking."""
        self.page.evaluate("() => cnnlab.shutdown()")

    def cells(self) -> list[dict]:
        """Return type, source, tags and errors of every cell, as now shown."""
        return self.page.evaluate("() => cnnlab.cells()")

    def widget_cells(self) -> list[int]:
        """Return the positions of cells tagged ``widget``."""
        return [i for i, cell in enumerate(self.cells()) if "widget" in cell["tags"]]

    def type_cell(self, index: int, text: str) -> None:
        """Replace a cell's text by keyboard, and run the cell by keyboard."""
        self.page.evaluate("i => cnnlab.edit(i)", index)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(text)
        self.run_cell(index)

    def run_cell(self, index: int) -> str:
        """Run one cell with Ctrl+Enter; return the text of its outputs."""
        self.page.evaluate("i => cnnlab.edit(i)", index)
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_function("i => cnnlab.hasRun(i)", arg=index)
        return self.page.evaluate("i => cnnlab.outputText(i)", index)

    def controls(self, cell: int) -> list[dict]:
        """Return kind, label and range of every usable control of a cell's widget."""
        return self.page.evaluate("i => cnnlab.controls(i)", cell)

    def look(self, cell: int) -> str:
        """Return a fingerprint of what a widget shows: its pixels and its words."""
        return self.page.evaluate("i => cnnlab.look(i)", cell)

    def errors(self, cell: int) -> list[str]:
        """Return the errors a widget shows, and those JupyterLab hid."""
        return self.page.evaluate("i => cnnlab.errors(i)", cell)

    def press(self, cell: int, control: int, keys: list[str]) -> None:
        """Focus a control and press keys; ``"=7"`` writes 7 in place of the value.

        ``"a text"`` and ``"a picture"`` open an upload, and give it such a file.
        """
        handle = self.page.evaluate_handle(
            "([i, n]) => cnnlab.control(i, n)", [cell, control]
        ).as_element()
        handle.focus()
        for key in keys:
            if key in FILES:
                with self.page.expect_file_chooser() as chooser:
                    handle.click()
                chooser.value.set_files(FILES[key]())
            elif key.startswith("="):
                self.page.keyboard.press("Control+a")
                self.page.keyboard.insert_text(key[1:])
                self.page.keyboard.press("Enter")
            else:
                self.page.keyboard.press(key)

    def move(self, cell: int, control: int, keys: list[str]) -> bool:
        """Press keys on a control; return whether the picture or the text changed."""
        before = self.look(cell)
        self.page.evaluate("() => cnnlab.startWaiting()")
        self.press(cell, control, keys)
        return self.page.evaluate(
            "([i, before]) => cnnlab.settled(i, before)", [cell, before]
        )


def _picture() -> dict:
    """Return a small grey picture with transparent places, as an upload takes it."""
    import io

    from PIL import Image

    buffer = io.BytesIO()
    Image.new("LA", (9, 20), (200, 90)).save(buffer, "PNG")
    return _file("own.png", "image/png", buffer.getvalue())


def _file(name: str, kind: str, content: bytes) -> dict:
    return {"name": name, "mimeType": kind, "buffer": content}


FILES = {
    "a text": lambda: _file("own.txt", "text/plain", b"no picture"),
    "a picture": _picture,
}


# --------------------------------------------------------------------------- checks


def needed_by(wanted, cells: list[tuple[str, list[str]]]) -> list[int]:
    """Return the positions of the cells that are ``wanted``, and of all they rest on.

    ``cells`` are (source, tags) of code, in order. From the last to the first: one is
    kept if it is wanted, or sets a name that a kept one uses and that no cell between
    them sets. The first one, which imports, is kept always.
    """
    kept, used = [], set()
    for index, (source, tags) in reversed(list(enumerate(cells))):
        sets, uses = _names(source)
        if wanted(source, tags) or sets & used or not index:
            kept.append(index)
            used = (used - sets) | uses
    return kept[::-1]


def _names(source: str) -> tuple[set[str], set[str]]:
    """Return the global names that a cell sets, and those that it needs from others.

    Imports set names. A name that the cell sets before it is used is its own.
    """
    tree = ast.parse(re.sub(r"(?m)^%.*$", "", source))
    return _set_by(tree), _needed(tree.body, set())


def _symbols(tree: ast.AST) -> symtable.SymbolTable:
    return symtable.symtable(ast.unparse(tree), "cell", "exec")


def _set_by(tree: ast.AST) -> set[str]:
    symbols = _symbols(tree).get_symbols()
    return {one.get_name() for one in symbols if one.is_assigned() or one.is_imported()}


def _used_by(tree: ast.AST) -> set[str]:
    table = _symbols(tree)
    uses = {one.get_name() for one in table.get_symbols() if one.is_referenced()}
    inner = table.get_children()
    while inner:
        inner += (part := inner.pop()).get_children()
        uses |= {one.get_name() for one in part.get_symbols() if one.is_global()}
    added = [one.target for one in ast.walk(tree) if isinstance(one, ast.AugAssign)]
    return uses | {one.id for one in added if isinstance(one, ast.Name)}


def _bound_by(target: ast.expr | None) -> set[str]:
    inside = ast.walk(target) if target else ()
    return {one.id for one in inside if isinstance(one, ast.Name)}


def _needed(statements: list[ast.stmt], own: set[str]) -> set[str]:
    """Return what statements use before it is set; adds what they set to ``own``.

    A loop is taken to run at least once, branches not to run.
    """
    needed = set()
    for one in statements:
        if isinstance(one, ast.For):
            needed |= _used_by(one.iter) - own
            own |= _bound_by(one.target)
            needed |= _needed([*one.body, *one.orelse], own)
        elif isinstance(one, ast.With):
            for item in one.items:
                needed |= _used_by(item.context_expr) - own
                own |= _bound_by(item.optional_vars)
            needed |= _needed(one.body, own)
        elif isinstance(one, (ast.If, ast.While, ast.Try)):
            needed |= _used_by(one) - own
        else:
            if isinstance(one, ast.FunctionDef):
                own.add(one.name)  # it may call itself
            needed |= _used_by(one) - own
            own |= _set_by(one)
    return needed


def needed_by_widgets(cells: list[dict]) -> list[int]:
    """Return the positions of the widgets' cells, and of all code that they rest on.

    nbval runs the others.
    """
    places = [place for place, cell in enumerate(cells) if cell["type"] == "code"]
    code = [(cells[place]["source"], cells[place]["tags"]) for place in places]
    needed = needed_by(lambda source, tags: "widget" in tags, code)
    return [places[index] for index in needed]


def complaints_of_run(notebook: Notebook, only: list[int] | None = None) -> list[str]:
    """Run all cells, or ``only`` some; return everything that went wrong."""
    found = [] if notebook.run_all(only=only) else ["running cells did not end well"]
    for index, cell in enumerate(notebook.cells()):
        if only is not None and index not in only:
            continue
        found += [f"cell {index}: {error}" for error in cell["errors"]]
        if "widget" in cell["tags"] and not cell["widgets"]:
            found.append(f"cell {index}: tagged widget, but shows none")
    return found + notebook.console + notebook.requests


def moves_of(control: dict) -> list[list[str]]:
    """Return key presses worth trying on a control, most telling first."""
    kind = control["kind"]
    if kind == "slider":
        return [["ArrowRight"], ["End"]]
    if kind == "number":
        # The slider beside it goes to the other end.
        low, high, now = control["min"], control["max"], control["value"]
        step = control["step"] or 1
        near = now - step if high is not None and now + step > high else now + step
        tried = dict.fromkeys([near, near if low is None else low])
        return [[f"={v:.10g}"] for v in tried if v != now]
    if kind == "select":
        # On a closed list JupyterLab takes the arrows for itself and changes the cell.
        down = [["Space", "ArrowDown", "Enter"]] * max(control["options"] - 1, 1)
        return [*down, ["Space", "Home", "Enter"]]
    if kind == "checkbox":
        return [["Space"], ["Space"]]
    if kind == "radio":
        return [["Space"]]
    if kind == "upload":
        return [["a text"], ["a picture"]]
    if kind == "text":
        return [["=7"], ["=0.5"], ["=a"]]
    return [["Enter"], ["Enter"]]


def complaints_of_controls(notebook: Notebook, cell: int) -> list[str]:
    """Move every control of a widget by keyboard; return dead ones and errors shown.

    A control may rightly do nothing while another stands at zero, so those that did
    nothing are tried again after the others were moved.
    """
    found, dead = [], []
    count = len(notebook.controls(cell))
    if not count:
        return [f"cell {cell}: the widget has no control"]
    for number in range(count):
        moved, errors = _try(notebook, cell, number, stop=False)
        found += errors
        if not moved:
            dead.append(number)
    for _ in range(2):
        if not dead:
            break
        _stir(notebook, cell, dead)
        again = [number for number in dead if number < len(notebook.controls(cell))]
        dead = [n for n in again if not _try(notebook, cell, n, stop=True)[0]]
    for number in dead:
        control = notebook.controls(cell)[number]
        name = f"{control['kind']} {control['label']!r}"
        found.append(f"cell {cell}: {name} changes neither picture nor text")
    return list(dict.fromkeys([*found, *notebook.console, *notebook.requests]))


def _try(notebook, cell: int, number: int, stop: bool) -> tuple[bool, list[str]]:
    controls = notebook.controls(cell)
    if number >= len(controls):
        return True, []  # the widget took the control away after another's move
    control, moved, found = controls[number], False, []
    for keys in moves_of(control):
        moved |= notebook.move(cell, number, keys)
        for error in notebook.errors(cell):
            what = f"{control['kind']} {control['label']!r} after {' '.join(keys)}"
            found.append(f"cell {cell}: {what}: {error}")
        enough = stop or control["kind"] == "button"
        if (moved and enough) or number >= len(notebook.controls(cell)):
            break
    return moved, found


def _stir(notebook: Notebook, cell: int, dead: list[int]) -> None:
    for number, control in enumerate(notebook.controls(cell)):
        if number in dead or control["kind"] == "number":
            continue
        keys = {"slider": ["End", "ArrowLeft"]}
        notebook.move(cell, number, keys.get(control["kind"], moves_of(control)[0]))


def complaints_of_names(notebook: Notebook, cell: int) -> list[str]:
    """Return the controls that a screen reader could not name.

    ipywidgets gives its sliders no name; one is accepted beside a labelled box that
    does the same.
    """
    return [
        f"cell {cell}: {control['kind']} number {number} has no accessible name"
        for number, control in enumerate(notebook.controls(cell))
        if not control["name"] and not control["paired"]
    ]


def complaints_of_width(notebook: Notebook, cell: int) -> list[str]:
    """Return what of a widget is cut off at the present width of the window."""
    return [
        f"cell {cell}: {what}"
        for what in notebook.page.evaluate("i => cnnlab.cutOff(i)", cell)
    ]


def complaints_of_screen(notebook: Notebook, cell: int) -> list[str]:
    """Return whether a widget with its controls is taller than what is seen at once."""
    tall, seen = notebook.page.evaluate("i => cnnlab.screen(i)", cell)
    if tall <= seen:
        return []
    return [f"cell {cell}: the widget is {tall:.0f} pixels tall, {seen:.0f} are seen"]


def complaints_of_text(notebook: Notebook, cell: int, least: float = 9) -> list[str]:
    """Return pictures whose smallest text is below ``least`` pixels as displayed."""
    heights = notebook.page.evaluate("i => cnnlab.texts(i)", cell)
    return [
        f"cell {cell}: text of {height:.1f} pixels in a picture"
        for height in heights
        if height < least - 0.1
    ]


def complaints_of_contrast(notebook: Notebook, cell: int) -> list[str]:
    """Return words of a widget that are hard to read (contrast below 4.5 to 1).

    The bound is success criterion 1.4.3 of the Web Content Accessibility Guidelines.
    """
    return [
        f"cell {cell}: {what}"
        for what in notebook.page.evaluate("i => cnnlab.faint(i)", cell)
    ]
