"""Named data sets: ``load(name, split)`` returns labelled images with their origin.

Needs no network: ``digits``, ``scenes``, ``photos``, ``patches``. Real benchmarks:
``mnist``, ``fashion-mnist``, ``cifar10``. Trees of image files: any folder
``NAME/class/image`` or ``NAME/split/class/image`` in a data root by its name, or
``folder`` with ``root=``. ``data/README.md`` describes each, and
``python -m cnnlab data`` lists, fetches, verifies and unpacks them.
"""

import inspect

from cnnlab.data import _base, benchmarks, embedded, trees
from cnnlab.data._base import (
    DataError,
    Dataset,
    batches,
    flatten,
    split_indices,
)
from cnnlab.data.archives import unpack
from cnnlab.data.embedded import photo, photo_credit, photo_names
from cnnlab.data.upkeep import available, fetch, verify
from cnnlab.images import as_float

__all__ = [
    "DataError",
    "Dataset",
    "as_float",
    "available",
    "batches",
    "fetch",
    "flatten",
    "load",
    "photo",
    "photo_credit",
    "photo_names",
    "split_indices",
    "unpack",
    "verify",
]


def load(name: str, split: str = "train", *, root=None, **options) -> Dataset:
    """Return a data set by name.

    Parameters
    ----------
    name : "digits", "scenes", "photos", "patches", "mnist", "fashion-mnist",
        "cifar10", the name of a tree of image files in a data root, or "folder"
    split : "train" or "test"; some sets have more (an unknown one lists them)
    root : search this folder instead of the data roots; for "folder" the tree itself
    options : see the functions of ``embedded`` and ``trees.load``, for example
        ``load("scenes", n=500, severity=0.5)``, ``load("folder", root=..., size=64)``

    Returns
    -------
    Dataset
        images uint8 (N, C, H, W), labels int64 (N,), classes, source, licence

    Raises
    ------
    DataError
        If the data set is missing or damaged; the text says how to mend it.
    ValueError, TypeError
        If the split or an option does not exist.

    Examples
    --------
    >>> load("digits", "test")
    digits/test: 359 images of 1 x 8 x 8, 10 classes
    """
    _base.require_name(name, "load")
    if name in embedded.LOADERS:
        return _call(embedded.LOADERS[name], name, split, options)
    if name in benchmarks.BENCHMARKS:
        return _call(
            lambda split: benchmarks.load(name, split, root), name, split, options
        )
    if name == "folder" and root is None:
        raise ValueError('load: "folder" needs its place: load("folder", root=PATH).')
    folder = name == "folder"
    tree = _base.as_path(root, "root") if folder else trees.find(name, root)
    if not trees.is_tree(tree):
        raise DataError(
            f"{tree} holds no images in class folders; expected "
            f"{tree.name}/CLASS/image.jpg or {tree.name}/train/CLASS/image.jpg."
        )
    return _call(
        lambda split, **options: trees.load(tree, split, **options),
        name, split, options, trees.load,
    )  # fmt: skip


def _call(loader, name: str, split: str, options: dict, described=None) -> Dataset:
    """Call a loader; name the options it takes where a wrong one was given."""
    parameters = inspect.signature(described or loader).parameters
    known = [key for key in parameters if key not in ("tree", "split")]
    for key in options:
        if key not in known:
            takes = f"it takes: {', '.join(known)}" if known else "it takes none"
            raise TypeError(f"load: {name} has no option {key!r}; {takes}.")
    return loader(split, **options)
