"""Data sets that need no network: digits, generated scenes, photographs, patches."""

import gzip
import importlib.util
from pathlib import Path

import numpy as np

from cnnlab.data import _base
from cnnlab.data._base import DataError, Dataset


def digits(split: str = "train", *, test_fraction=0.2, seed: int = 0) -> Dataset:
    """1797 handwritten digits of 8 x 8 pixels, cut into train and test by class.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (1998),
    the copy inside scikit-learn. Its 17 grey levels are spread over 0 to 255.
    """
    _base.require_split("digits", split, ("all", "train", "test"))
    path = _package_folder("sklearn") / "datasets" / "data" / "digits.csv.gz"
    try:
        with gzip.open(path, "rt") as file:
            table = np.loadtxt(file, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read ({error}). Mend it: "
            "python -m pip install --force-reinstall --no-deps scikit-learn"
        ) from None
    labels = table[:, 64].astype(np.int64)
    levels = table[:, :64].reshape(-1, 1, 8, 8).astype(np.int64)  # 0 to 16
    images = ((levels * 255 + 8) // 16).astype(np.uint8)
    test = _base.stratified(labels, test_fraction, seed)
    rows = {"all": test | True, "train": ~test, "test": test}[split]
    return Dataset(
        images[rows], labels[rows], tuple("0123456789"), "digits", split,
        "E. Alpaydin and C. Kaynak: Optical Recognition of Handwritten Digits, UCI "
        "(1998), the copy inside scikit-learn",
        "CC BY 4.0",
    )  # fmt: skip


def scenes(split: str = "train", *, n=None, seed: int = 0, severity=None) -> Dataset:
    """Generated 32 x 32 RGB images of ten classes; see ``cnnlab.scenes``.

    Parameters
    ----------
    split : "train", "val" or "test": three streams that share no seed
    n : number of images; by default 2000 for train and 1000 for the others
    severity : None, one number in [0, 1], or one for each challenge by name
    """
    from cnnlab import scenes as generator

    names = ("train", "val", "test")
    _base.require_split("scenes", split, names)
    n = (2000 if split == "train" else 1000) if n is None else n
    stream = len(names) * seed + names.index(split)
    images, labels = generator.generate(n, seed=stream, severity=severity)
    return Dataset(
        images, labels, tuple(generator.CLASSES), "scenes", split,
        "drawn by cnnlab.scenes", "BSD-3-Clause, as the course",
    )  # fmt: skip


def photo(name: str) -> np.ndarray:
    raise DataError("photographs follow")


def photo_names() -> tuple[str, ...]:
    return ()


def _package_folder(package: str) -> Path:
    """Return the folder of an installed package without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise DataError(
            f"{package} is not installed, and its images are needed. Install the "
            "course: python -m pip install -e ."
        )
    return Path(spec.origin).parent


LOADERS = {"digits": digits, "scenes": scenes}
