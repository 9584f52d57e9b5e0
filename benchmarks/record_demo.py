"""Record a moving picture (GIF) of a widget driven by keyboard in real JupyterLab.

    python benchmarks/record_demo.py 02 --control k --keys "ArrowRight*12 ArrowLeft*6"
    python benchmarks/record_demo.py 02 --widget 0 --control 1 --out docs/demo.gif

``--control`` is the label of a control (its slider is taken where it has one), or
its number. ``--keys`` are key names with an optional repeat; ``wait*3`` holds the
picture for three frames. Several ``--control`` and ``--keys`` pairs follow each other.
"""

import argparse
import io
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "browser"))

import labdriver

ROOT = Path(__file__).parents[1]
LARGEST = 1_500_000  # bytes


def presses(text: str) -> list[str]:
    """Return ``["a", "a", "b"]`` for ``"a*2 b"``."""
    found = []
    for word in text.split():
        key, _, times = word.partition("*")
        found += [key] * int(times or 1)
    return found


def find_control(notebook, cell: int, wanted: str) -> int:
    """Return the number of the control with this label, its slider if it has one."""
    controls = notebook.controls(cell)
    if wanted.isdigit():
        return int(wanted)
    numbers = [n for n, one in enumerate(controls) if one["label"] == wanted]
    if not numbers:
        known = ", ".join(sorted({one["label"] for one in controls}))
        raise SystemExit(f"record_demo: no control {wanted!r}; there are {known}")
    sliders = [n for n in numbers if controls[n]["kind"] == "slider"]
    return (sliders or numbers)[0]


def snapshot(notebook, cell: int) -> bytes:
    """Return a PNG of the cell's output as it is now."""
    output = notebook.page.locator(f'[data-demo="{cell}"]')
    return output.screenshot(animations="disabled")


def record(notebook, cell: int, script: list[tuple[str, list[str]]]) -> list[bytes]:
    """Return one PNG for every key press."""
    notebook.page.evaluate(
        """i => {
            const cell = cnnlab.panel().content.widgets[i].node;
            const output = cell.querySelector(".jp-OutputArea-output .jupyter-widgets");
            output.setAttribute("data-demo", i);
            output.scrollIntoView({ block: "center" });
        }""",
        cell,
    )
    notebook.page.wait_for_timeout(500)
    frames = [snapshot(notebook, cell)] * 2
    for control, keys in script:
        number = find_control(notebook, cell, control)
        for key in keys:
            if key != "wait":
                notebook.move(cell, number, [key])
            frames.append(snapshot(notebook, cell))
    return [*frames, frames[-1]]


def write_gif(frames: list[bytes], path: Path, width: int, milliseconds: int) -> None:
    """Write frames as one GIF of at most ``LARGEST`` bytes, fewer colours if needed."""
    from PIL import Image

    images = [Image.open(io.BytesIO(frame)).convert("RGB") for frame in frames]
    height = max(image.height for image in images)
    size = (width, round(height * width / images[0].width))
    sheets = []
    for image in images:
        sheet = Image.new("RGB", (image.width, height), "white")
        sheet.paste(image)
        sheets.append(sheet.resize(size, Image.Resampling.LANCZOS))
    for colours in (256, 128, 64, 32):
        palette = sheets[len(sheets) // 2].quantize(colours)
        reduced = [one.quantize(palette=palette, dither=0) for one in sheets]
        buffer = io.BytesIO()
        options = {"duration": milliseconds, "loop": 0, "optimize": True}
        reduced[0].save(
            buffer, "GIF", save_all=True, append_images=reduced[1:], **options
        )
        if buffer.tell() <= LARGEST:
            break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    print(
        f"{path}: {len(reduced)} frames, {size[0]} x {size[1]}, {buffer.tell()} bytes"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Record a widget as a GIF.")
    parser.add_argument("notebook", help="its number, such as 02")
    parser.add_argument("--widget", type=int, default=0, help="which of its widgets")
    parser.add_argument("--control", action="append", required=True)
    parser.add_argument("--keys", action="append", required=True)
    parser.add_argument("--out", default="demo.gif")
    parser.add_argument("--width", type=int, default=700, help="of the GIF, in pixels")
    parser.add_argument("--page", type=int, default=1100, help="width of the window")
    parser.add_argument("--milliseconds", type=int, default=350, help="for each frame")
    options = parser.parse_args()
    reason = labdriver.missing()
    if reason:
        sys.exit(f"record_demo: {reason}")
    script = [
        (control, presses(keys))
        for control, keys in zip(options.control, options.keys, strict=True)
    ]
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        leave_out = shutil.ignore_patterns("src", ".*", "*.py", "__pycache__")
        shutil.copytree(ROOT / "notebooks", scratch / "served", ignore=leave_out)
        [found] = (scratch / "served").glob(f"{options.notebook}_*.ipynb")
        with (
            labdriver.server(scratch / "served", scratch) as (url, token),
            labdriver.browser(scratch, options.page, 1200) as page,
        ):
            notebook = labdriver.Notebook(page, url, token)
            notebook.open(found.name)
            page.evaluate("() => jupyterapp.shell.collapseLeft()")
            notebook.run_all()
            cell = notebook.widget_cells()[options.widget]
            frames = record(notebook, cell, script)
            notebook.close()
    write_gif(frames, Path(options.out), options.width, options.milliseconds)


if __name__ == "__main__":
    main()
