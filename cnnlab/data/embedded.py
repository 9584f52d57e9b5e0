"""Data sets that need no network: digits, generated scenes, photographs, patches."""

import gzip
import importlib.util
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnlab import shapes
from cnnlab.data import _base, pictures
from cnnlab.data._base import DataError, Dataset


class Bundled(NamedTuple):
    """A file inside an installed package; ``data/README.md`` links its origin."""

    package: str
    path: str
    credit: str
    licence: str
    sha256: str


_SKIMAGE, _SKLEARN = ("skimage", "data/"), ("sklearn", "datasets/images/")
# Only pictures with a stated licence; scikit-image's docstrings and scikit-learn's
# datasets/images/README.txt state them.
PHOTOS = {
    name: Bundled(place[0], place[1] + file, credit, licence, sha256)
    for name, place, file, credit, licence, sha256 in (
        ("astronaut", _SKIMAGE, "astronaut.png", "NASA", "public domain",
         "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),
        ("brick", _SKIMAGE, "brick.png", "CC0Textures", "CC0",
         "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf"),
        ("camera", _SKIMAGE, "camera.png", "Lav Varshney", "CC0",
         "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a"),
        ("chelsea", _SKIMAGE, "chelsea.png", "Stefan van der Walt", "CC0",
         "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb"),
        ("china", _SKLEARN, "china.jpg", "danielbuechele (Flickr)", "CC BY 2.0",
         "8378025ad2519d649d02e32bd98990db4ab572357d9f09841c2fbfbb4fefad29"),
        ("coffee", _SKIMAGE, "coffee.png", "Rachel Michetti", "CC0",
         "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7"),
        ("flower", _SKLEARN, "flower.jpg", "vultilion (Flickr)", "CC BY 2.0",
         "a77f6ec41e353afdf8bdff2ea981b2955535d8d83294f8cfa49cf4e423dd5638"),
        ("grass", _SKIMAGE, "grass.png", "linolafett (DeviantArt)", "CC0",
         "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89"),
        ("gravel", _SKIMAGE, "gravel.png", "CC0Textures", "CC0",
         "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12"),
        ("hubble", _SKIMAGE, "hubble_deep_field.jpg", "NASA, ESA", "public domain",
         "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4"),
        ("retina", _SKIMAGE, "retina.jpg", "Mikael Häggström", "CC0",
         "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6"),
        ("rocket", _SKIMAGE, "rocket.jpg", "SpaceX", "public domain",
         "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c"),
    )
}  # fmt: skip
# Left out of the patches: almost all of "hubble" is black and "camera" has grass too.
PATCH_CLASSES = tuple(name for name in PHOTOS if name not in ("camera", "hubble"))
DIGITS = Bundled(
    "sklearn", "datasets/data/digits.csv.gz", "E. Alpaydin and C. Kaynak", "CC BY 4.0",
    "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
)  # fmt: skip


def digits(split: str = "train", *, test_fraction=0.2, seed: int = 0) -> Dataset:
    """1797 handwritten digits of 8 x 8 pixels, cut into train and test by class.

    Source: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits (1998),
    the copy inside scikit-learn. Its 17 grey levels are spread over 0 to 255.
    """
    _base.require_split("digits", split, ("all", "train", "test"))
    path = package_file(DIGITS)
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
        f"{DIGITS.credit}: Optical Recognition of Handwritten Digits, UCI (1998), the "
        "copy inside scikit-learn",
        DIGITS.licence,
    )  # fmt: skip


def scenes(split: str = "train", *, n=None, seed: int = 0, severity=0.0) -> Dataset:
    """Generated 32 x 32 RGB images of ten classes; see ``cnnlab.scenes``.

    Parameters
    ----------
    split : "train", "val" or "test": three streams that share no seed
    n : number of images; by default 2000 for train and 1000 for the others
    severity : one number in [0, 1], or a dict with one for each challenge by name
    """
    from cnnlab import scenes as generator

    names = ("train", "val", "test")
    _base.require_split("scenes", split, names)
    seed = shapes.require_seed(seed, "load")
    n = (2000 if split == "train" else 1000) if n is None else n
    stream = len(names) * seed + names.index(split)
    images, labels = generator.generate(n, seed=stream, severity=severity)
    return Dataset(
        images, labels, tuple(generator.CLASSES), "scenes", split,
        "drawn by cnnlab.scenes", "BSD-3-Clause, as the course",
    )  # fmt: skip


def photo_names() -> tuple[str, ...]:
    """Return the names that ``photo`` takes."""
    return tuple(PHOTOS)


def photo(name: str) -> np.ndarray:
    """Return a whole photograph as uint8 (3, H, W).

    Examples
    --------
    >>> photo("chelsea").shape
    (3, 300, 451)
    """
    return pictures.read(_photo_path(name))


def photo_credit(name: str) -> str:
    """Return who made a photograph and its licence, to print beside it.

    Examples
    --------
    >>> photo_credit("chelsea")
    'chelsea: Stefan van der Walt, CC0'
    """
    _photo_path(name)
    return f"{name}: {PHOTOS[name].credit}, {PHOTOS[name].licence}"


def photos(split: str = "all", *, size: int = 128) -> Dataset:
    """Every photograph once, its centre square resized to (3, size, size).

    The labels count the photographs; the set has no parts, so "train" means "all".
    """
    _base.require_split("photos", split, ("all", "train"))
    size = shapes.require_int(size, 1, "load", "size", 4096)
    images = np.stack([pictures.read(_photo_path(name), size) for name in PHOTOS])
    return Dataset(
        images, np.arange(len(images)), photo_names(), "photos", "all",
        "photographs inside scikit-image and scikit-learn, see data/README.md",
        "; ".join(map(photo_credit, PHOTOS)),
    )  # fmt: skip


def patches(
    split: str = "train", *, size: int = 32, per_class=None, seed: int = 0
) -> Dataset:
    """Square cuts from ten photographs; the label says from which.

    Each photograph is ruled into cells of 2 * size pixels. One cell in four belongs
    to the test set, the others to the training set, and a patch never leaves its
    cell: no pixel is in both. Patches without structure (sky, black border) are
    left out.

    Parameters
    ----------
    size : side of a patch in pixels, at least 8
    per_class : patches of each photograph; by default 200 for train, 50 for test
    seed : of the positions within the cells; the cells stay the same
    """
    _base.require_split("patches", split, ("train", "test"))
    size = shapes.require_int(size, 8, "load", "size")
    seed = shapes.require_seed(seed, "load")
    default = 200 if split == "train" else 50
    count = shapes.require_int(
        default if per_class is None else per_class, 1, "load", "per_class"
    )
    cuts = [_cut(name, split, size, count, seed) for name in PATCH_CLASSES]
    return Dataset(
        np.concatenate(cuts), np.repeat(np.arange(len(cuts)), count), PATCH_CLASSES,
        "patches", split,
        "photographs inside scikit-image and scikit-learn, see data/README.md",
        "; ".join(map(photo_credit, PATCH_CLASSES)),
    )  # fmt: skip


def _cut(name: str, split: str, size: int, count: int, seed: int) -> np.ndarray:
    """Return ``count`` structured patches (count, 3, size, size) of one photograph."""
    image = photo(name)  # (3, H, W)
    corners = _corners(*image.shape[1:], split, size)
    rng = np.random.default_rng([seed, PATCH_CLASSES.index(name)])
    taken = []
    for row, column in corners[rng.permutation(len(corners))]:
        patch = image[:, row : row + size, column : column + size]
        if patch.std(axis=(1, 2)).max() >= 8:  # grey levels
            taken.append(patch)
            if len(taken) == count:
                return np.stack(taken)
    raise ValueError(
        f"load: patches of size {size} from {name!r} ({split}) number {len(taken)}; "
        f"asked for per_class={count}. Ask for fewer or smaller ones."
    )


def _corners(height: int, width: int, split: str, size: int) -> np.ndarray:
    """Return every (row, column) where a patch of this split may start, (M, 2)."""
    cell = 2 * size
    row, column = np.mgrid[: height // cell, : width // cell].reshape(2, -1)
    # A knight's-move pattern: one cell in four, no two of them side by side.
    test = (row + 2 * column) % 4 == 0
    cells = np.stack([row, column], axis=1)[test == (split == "test")] * cell
    inside = np.stack(np.mgrid[: size + 1, : size + 1], axis=-1).reshape(-1, 2)
    return (cells[:, None] + inside).reshape(-1, 2)


def _photo_path(name: str) -> Path:
    """Return the file of a photograph, or name those there are."""
    if not isinstance(name, str) or name not in PHOTOS:
        raise ValueError(
            f"photo: no photograph {shapes.spoken(name)}; there are: "
            f"{', '.join(PHOTOS)}."
        )
    return package_file(PHOTOS[name])


def package_file(wanted: Bundled) -> Path:
    """Return a file of an installed package without importing the package."""
    wheel = {"skimage": "scikit-image", "sklearn": "scikit-learn"}[wanted.package]
    spec = importlib.util.find_spec(wanted.package)
    file = None if spec is None else Path(spec.origin).parent / wanted.path
    if file is None or not file.is_file():
        raise DataError(
            f"{Path(wanted.path).name} is missing; the package {wheel} brings it. Mend "
            f"it: python -m pip install --force-reinstall --no-deps {wheel}"
        )
    return file


LOADERS = {"digits": digits, "scenes": scenes, "photos": photos, "patches": patches}
