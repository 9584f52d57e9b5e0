"""Small trees of image files and stores for the tests of packed data."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from cnnlab import packed


def pillow():
    """Return Pillow's ``Image``; a machine without it skips the test that asks."""
    return pytest.importorskip("PIL.Image")


def picture(seed: int, height: int = 20, width: int = 24):
    """Return a picture of smooth colours that differs for every seed."""
    Image = pillow()
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def tree(root: Path, layout: dict[str, int], suffix: str = ".png") -> Path:
    """Write ``layout`` (folder -> number of pictures) and return the root."""
    seed = 0
    for folder, count in layout.items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for n in range(count):
            picture(seed).save(root / folder / f"p{n:03}{suffix}")
            seed += 1
    return root


def zipped(root: Path, archive: Path, top: str = "") -> Path:
    """Pack a tree into a zip archive, below ``top``."""
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(root.rglob("*")):
            file.write(path, f"{top}{path.relative_to(root).as_posix()}")
    return archive


def pack(source, store, **options) -> packed.Report:
    """Pack quietly, in this process, at a small size."""
    options = {"size": 8, "progress": False, "workers": 1, **options}
    return packed.pack(source, store, **options)


def files(store: Path) -> dict[str, bytes]:
    """Return every file of a store by its name."""
    return {path.name: path.read_bytes() for path in sorted(store.iterdir())}
