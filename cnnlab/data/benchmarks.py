"""MNIST, Fashion-MNIST and CIFAR-10 in the folder layouts of torchvision.

Files that torchvision has fetched are found here, and the other way round. They are
read without it, so that no PyTorch is loaded, and checked before they are trusted.
"""

import gzip
import hashlib
import math
import pickle
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cnnlab.data import _base
from cnnlab.data._base import DataError, Dataset


class Part(NamedTuple):
    """One file of a benchmark and the checksum that proves it."""

    name: str
    md5: str
    size: int  # bytes
    raw_md5: str | None = None  # of the uncompressed content, where it is known


class Benchmark(NamedTuple):
    """Where a benchmark lies, how it is checked, and whence it is fetched."""

    folder: str
    mirrors: tuple[str, ...]
    parts: tuple[Part, ...]
    classes: tuple[str, ...]
    source: str
    licence: str


# Addresses, checksums and class names agree with torchvision's classes; a test
# holds them together.
BENCHMARKS = {
    "mnist": Benchmark(
        "MNIST/raw",
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
        (
            Part("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                 9912422, "6bbc9ace898e44ae57da46a324031adb"),
            Part("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432",
                 28881, "a25bea736e30d166cdddb491f175f624"),
            Part("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3",
                 1648877, "2646ac647ad5339dbf082846283269ea"),
            Part("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c",
                 4542, "27ae3e4e09519cfbb04c329615203637"),
        ),
        tuple("0123456789"),
        "LeCun, Cortes and Burges: The MNIST database of handwritten digits (1998)",
        "CC BY-SA 3.0",
    ),
    "fashion-mnist": Benchmark(
        "FashionMNIST/raw",
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        (
            Part("train-images-idx3-ubyte.gz", "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                 26421880),
            Part("train-labels-idx1-ubyte.gz", "25c81989df183df01b3e8a0aad5dffbe",
                 29515),
            Part("t10k-images-idx3-ubyte.gz", "bef4ecab320f06d8554ea6380940ec79",
                 4422102),
            Part("t10k-labels-idx1-ubyte.gz", "bb300cfdad3c16e7a12a480ee83cd310",
                 5148),
        ),
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
         "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        "Xiao, Rasul and Vollgraf: Fashion-MNIST (2017), arXiv:1708.07747",
        "MIT",
    ),
    "cifar10": Benchmark(
        "cifar-10-batches-py",
        ("https://www.cs.toronto.edu/~kriz/",),
        (
            Part("data_batch_1", "c99cafc152244af753f735de768cd75f", 31035704),
            Part("data_batch_2", "d4bba439e000b95fd0a9bffe97cbabec", 31035320),
            Part("data_batch_3", "54ebc095f3ab1f0389bbae665268c751", 31035999),
            Part("data_batch_4", "634d18415352ddfa80567beed471001a", 31035696),
            Part("data_batch_5", "482c414d41f54cd18b22e5b47cb7c3cb", 31035623),
            Part("test_batch", "40351d587109b95175f43aff81a1287e", 31035526),
        ),
        ("airplane", "automobile", "bird", "cat", "deer",
         "dog", "frog", "horse", "ship", "truck"),
        "Krizhevsky: Learning Multiple Layers of Features from Tiny Images (2009)",
        "no licence stated; free for research and teaching by custom, with citation",
    ),
}  # fmt: skip
CIFAR_ARCHIVE = Part(
    "cifar-10-python.tar.gz", "c58f30108f718f92721af3b95e74349a", 170498071
)


def load(name: str, split: str, root=None) -> Dataset:
    """Read a benchmark from the first data root where it is whole."""
    _base.require_split(name, split, ("train", "test"))
    bench, faults = BENCHMARKS[name], []
    read = _read_cifar if name == "cifar10" else _read_idx
    for folder in _base.search_roots(root):
        if not (folder / bench.folder).is_dir():
            continue
        try:
            images, labels = read(name, folder / bench.folder, split)
            return Dataset(
                images, labels, bench.classes, name, split, bench.source, bench.licence
            )
        except DataError as fault:
            faults.append(fault)
    raise faults[0] if faults else missing(name, root)


def missing(name: str, root=None) -> DataError:
    """Word a benchmark that is in none of the roots."""
    places = _base.places(root)
    return DataError(
        f"{name} is not in {places}. Fetch it: python -m cnnlab data fetch {name}"
    )


def read_part(name: str, folder: Path, part: Part) -> bytes:
    """Return the checked, uncompressed content of one file.

    The plain file is preferred where its own checksum is known, else the packed one;
    a damaged copy is passed over if the other one is good.
    """
    packed = part.name.endswith(".gz")
    plain = folder / part.name.removesuffix(".gz")
    copies = [(_read_plain, path) for path in _spelled(plain)]
    if packed:
        zipped = [(read_packed, path) for path in _spelled(folder / part.name)]
        copies = copies + zipped if part.raw_md5 else zipped + copies
    faults = []
    for reader, path in copies:
        try:
            return reader(path, part)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            continue
        except DataError as fault:
            faults.append(str(fault))
        except OSError as error:
            faults.append(f"cannot be read ({error.strerror})")
    said = faults[0] if faults else "is missing"
    raise DataError(
        f"{name}: {plain} {said}. Mend it: python -m cnnlab data fetch {name}"
    )


def _spelled(path: Path) -> list[Path]:
    """Return where a file may be: archives write a dot, or a folder of its name.

    Examples
    --------
    >>> [path.as_posix() for path in _spelled(Path("t10k-labels-idx1-ubyte"))][:2]
    ['t10k-labels-idx1-ubyte', 't10k-labels.idx1-ubyte']
    """
    dotted = path.with_name(path.name.replace("-idx", ".idx"))
    return list(dict.fromkeys([path, dotted, path / path.name, dotted / dotted.name]))


def any_part(bench: Benchmark, folder: Path) -> bool:
    """Return whether at least one file of the benchmark is in the folder."""
    names = {n for p in bench.parts for n in (p.name, p.name.removesuffix(".gz"))}
    return any(path.is_file() for name in names for path in _spelled(folder / name))


def _read_plain(path: Path, part: Part) -> bytes:
    """Read an uncompressed file; check length, header and, if known, checksum."""
    content = _base.read_regular(path)
    if not part.name.endswith(".gz"):
        return _checked(content, part.size, part.md5)
    shape = idx_shape(part.name)
    size = 4 + 4 * len(shape) + math.prod(shape)
    if part.raw_md5 is None and len(content) > size:
        raise DataError(f"is too long: {len(content):,} instead of {size:,} bytes")
    return _checked(content, size, part.raw_md5)


def read_packed(path: Path, part: Part) -> bytes:
    """Read and unpack a gzip file whose checksum is known."""
    content = _checked(_base.read_regular(path), part.size, part.md5)
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"does not unpack ({error})") from None


def _checked(content: bytes, size: int, md5: str | None) -> bytes:
    """Return the content if its checksum is right; word the fault if not."""
    got = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if md5 is not None and got == md5:
        return content
    if len(content) < size:
        raise DataError(f"is cut off: {len(content):,} of {size:,} bytes")
    if md5 is not None:
        raise DataError(f"is altered: its md5 is {got}, not {md5}")
    return content


def idx_shape(name: str) -> tuple[int, ...]:
    """Return the shape that a file of the MNIST family must have.

    Examples
    --------
    >>> idx_shape("t10k-images-idx3-ubyte")
    (10000, 28, 28)
    """
    n = 60000 if name.startswith("train") else 10000
    return (n, 28, 28) if "images" in name else (n,)


def _read_idx(name: str, folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the IDX pair of a split: images (N, 1, 28, 28), labels (N,)."""
    bench, start = BENCHMARKS[name], {"train": "train", "test": "t10k"}[split]
    arrays = []
    for part in bench.parts:
        if not part.name.startswith(start):
            continue
        content, shape = read_part(name, folder, part), idx_shape(part.name)
        # IDX: two zero bytes, type 8 (uint8), number of axes, sizes (big-endian).
        header = bytes((0, 0, 8, len(shape))) + np.array(shape, ">u4").tobytes()
        if not content.startswith(header):
            raise DataError(
                f"{name}: {folder / part.name.removesuffix('.gz')} has a foreign "
                f"header. Mend it: python -m cnnlab data fetch {name}"
            )
        arrays.append(np.frombuffer(content, np.uint8, offset=len(header)))
    images, labels = arrays[0].reshape(-1, 1, 28, 28).copy(), arrays[1].astype(np.int64)
    if labels.max() > 9:
        raise DataError(
            f"{name}: the labels in {folder} are altered: they go up to "
            f"{labels.max()}, not 9. Mend them: python -m cnnlab data fetch {name}"
        )
    return images, labels


def _read_cifar(name: str, folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Read the pickled batches of a split: images (N, 3, 32, 32), labels (N,)."""
    images, labels = [], []
    for part in BENCHMARKS[name].parts:
        if part.name.startswith("test") == (split == "test"):
            # A pickle can run any code, so only content with the published
            # checksum is unpickled.
            batch = pickle.loads(read_part(name, folder, part), encoding="bytes")
            images.append(np.asarray(batch[b"data"], np.uint8))
            labels += batch[b"labels"]
    return np.concatenate(images).reshape(-1, 3, 32, 32), np.array(labels, np.int64)
