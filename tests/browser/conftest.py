"""One JupyterLab and one Chromium for the tests of this folder."""

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import labdriver
import pilots

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Serve a copy of the notebooks; yield a function that opens one and runs it."""
    reason = labdriver.missing()
    if reason:
        if os.environ.get("CNNLAB_REQUIRE_BROWSER"):
            pytest.fail(f"the browser tests must run here, but {reason}")
        pytest.skip(reason)
    scratch = tmp_path_factory.mktemp("lab")
    served = scratch / "course"
    leave_out = shutil.ignore_patterns("src", ".*", "*.py", "__pycache__")
    shutil.copytree(NOTEBOOKS, served / "notebooks", ignore=leave_out)
    pilots.write_all(served / "pilots")
    with (
        labdriver.server(served, scratch) as (url, token),
        labdriver.browser(scratch) as page,
    ):
        yield Opener(page, url, token)


class Opener:
    """Opens notebooks in the same page, and gives back the kernel of the last one."""

    def __init__(self, page, url, token):
        self.page, self.place, self.notebook = page, (url, token), None

    def again(self, path: str) -> labdriver.Notebook:
        """Return the notebook if it is open still, with what it heard forgotten."""
        if self.notebook is None or self.notebook.path != path:
            return self(path)
        self.notebook.console.clear()
        self.notebook.requests.clear()
        return self.notebook

    def __call__(self, path: str) -> labdriver.Notebook:
        if self.notebook is not None:
            self.notebook.close()
            self.notebook = None
        self.page.set_viewport_size({"width": 1280, "height": 1000})
        for event in ("pageerror", "console", "request", "requestfailed", "response"):
            for listener in list(self.page._impl_obj.listeners(event)):
                self.page._impl_obj.remove_listener(event, listener)
        notebook = labdriver.Notebook(self.page, *self.place)
        notebook.open(path)
        self.notebook = notebook
        return notebook
