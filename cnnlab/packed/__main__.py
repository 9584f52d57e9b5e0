"""Pack a folder or .zip of images, one folder a class, into a store for training.

    python -m cnnlab.packed SOURCE STORE            pack, or go on packing
    python -m cnnlab.packed SOURCE STORE --verify   and compare with the checksums
    python -m cnnlab.packed --verify STORE          only compare

SOURCE holds CLASS/image or SPLIT/CLASS/image, or is the name of a data set that
`python -m cnnlab data` lists, such as mnist. Images that do not decode are left out,
listed and counted. The same command goes on after an interruption; --debug shows
where an error arose.
"""

import argparse
import sys

from cnnlab import packed
from cnnlab.course import door
from cnnlab.data import pictures
from cnnlab.packed import progress


def main(argv: list[str] | None = None) -> int:
    """Run the command; return 0 if all is well, 1 if not."""
    again = "Run the same command again to go on."
    return door.enter(_run, "packed", argv, stopped=again)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m cnnlab.packed", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("source", metavar="SOURCE", help="folder, .zip, or name of a data set")
    add("store", metavar="STORE", nargs="?", help="folder to write")
    add("--size", type=int, metavar="PIXELS", help="side of the images (256)")
    add("--fit", choices=("crop", "squash"), default="crop",
        help="cut out the centre, or squash the whole image (crop)")  # fmt: skip
    add("--workers", type=int, metavar="N", help="processes (one a core)")
    add("--limit", type=int, metavar="N", help="first N images of each class only")
    add("--labels", metavar="FILE", help="labels of a folder without class folders")
    add("--synset-words", metavar="FILE",
        help="synsets with names, in the order of their ids (or meta.mat)")  # fmt: skip
    add("--test-fraction", type=float, default=0.1, metavar="SHARE",
        help="to cut out where there are no split folders (0.1)")  # fmt: skip
    add("--memory", type=float, default=pictures.MEMORY, metavar="GB",
        help=f"to decode one picture, in each process ({pictures.MEMORY})")  # fmt: skip
    add("--quiet", action="store_true", help="show no progress")
    add("--verify", action="store_true", help="compare the store with its checksums")
    return parser


def _tell_early(splits, classes, notes) -> None:
    """Say before the images are decoded that training needs more than there is."""
    if len(classes) < 2:
        print("note: one class only; training needs two folders.", *notes[-1:],
              file=sys.stderr)  # fmt: skip
    if len(splits) < 2:
        print(f"note: the only split is {', '.join(splits)}; training needs train and "
              "val or test.", file=sys.stderr)  # fmt: skip


def _run(argv: list[str]) -> int:
    """Pack, verify, or both."""
    options = _parser().parse_args(argv)
    if options.store is None and not options.verify:
        raise ValueError("Name the folder to write too: SOURCE STORE.")
    if options.store is not None:
        report = packed.pack(
            options.source, options.store, size=options.size, fit=options.fit,
            workers=options.workers, progress=not options.quiet, limit=options.limit,
            labels=options.labels, synset_words=options.synset_words,
            test_fraction=options.test_fraction, memory=options.memory,
            accept=_tell_early,
        )  # fmt: skip
        print(report)
    if options.verify:
        store = options.store or options.source
        total = packed.store.size(store)
        with progress.bar("verifying", total, 0, "B", not options.quiet) as update:
            counts = packed.verify(store, update)
        said = ", ".join(f"{name} {n:,}" for name, n in counts.items())
        print(f"{store}: every byte as it was packed ({said}).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
