"""``python -m cnnlab data``: list, fetch, verify and unpack data sets."""

import argparse
import sys
import time

from cnnlab import data
from cnnlab.course import door


def main(argv: list[str] | None = None) -> int:
    """Run one command; return 0 if all is well, 1 if not."""
    again = "Run the same command again to go on."
    return door.enter(_run, "cnnlab data", argv, stopped=again)


def _run(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    return options.run(options)


def _parser() -> argparse.ArgumentParser:
    """Describe the commands."""
    parser = argparse.ArgumentParser("python -m cnnlab data", description=__doc__)
    parser.set_defaults(run=_list)
    commands = parser.add_subparsers(title="commands", metavar="")
    listing = commands.add_parser("list", help="what there is, and where")
    listing.set_defaults(run=_list)
    fetch = commands.add_parser("fetch", help="download a data set, or mend it")
    fetch.add_argument("name", metavar="NAME", help="mnist, fashion-mnist or cifar10")
    fetch.add_argument("--to", metavar="ROOT", help="data folder to write to")
    fetch.set_defaults(run=_fetch)
    verify = commands.add_parser("verify", help="check every file")
    verify.add_argument("name", metavar="NAME", nargs="?", help="default: all found")
    verify.set_defaults(run=_verify)
    unpack = commands.add_parser("unpack", help="unpack an archive of images")
    unpack.add_argument("archive", metavar="ARCHIVE", help="zip or tar file")
    unpack.add_argument("--to", metavar="ROOT", help="data folder to write to")
    unpack.set_defaults(run=_unpack)
    return parser


def _list(options) -> int:
    """Print a table of all data sets."""
    rows = [row._replace(name=door.in_one_line(row.name)) for row in data.available()]
    width = max(len(row.name) for row in rows)
    for row in rows:
        state = "found" if row.found else "missing"
        place = door.in_one_line(row.where)
        print(f"{row.name:{width}}  {state:7}  {row.holds:24}  {place}")
    return 0


def _fetch(options) -> int:
    """Download one data set with a line of progress."""
    folder = data.fetch(options.name, options.to, _progress())
    print(f"{options.name} is complete in {door.in_one_line(folder)}")
    return 0


def _verify(options) -> int:
    """Check one data set, or all that are found."""
    names = [row.name for row in data.available() if row.found]
    bad = 0
    for name in [options.name] if options.name else names:
        for finding in data.verify(name):
            bad += not finding.good
            mark = "good" if finding.good else "BAD "
            said = door.printable(finding.said)
            print(f"{mark}  {door.in_one_line(finding.item)}: {said}", flush=True)
    print("All files are good." if not bad else f"{bad} bad; see above.")
    return 1 if bad else 0


def _unpack(options) -> int:
    """Unpack one archive into a data root."""
    folder = data.unpack(options.archive, options.to)
    print(f"Unpacked: {door.in_one_line(folder)}\nLoad it: data.load({folder.name!r})")
    return 0


def _progress():
    """Return a reporter that rewrites one line, twice a second, on a terminal."""
    shown = [0.0]

    def report(done: int, total: int) -> None:
        now = time.monotonic()
        if sys.stderr.isatty() and (now - shown[0] > 0.5 or done >= total):
            shown[0] = now
            end = "\n" if done >= total else ""
            print(f"\r{done / 1e6:8.1f} of {total / 1e6:.1f} MB", end=end,
                  file=sys.stderr, flush=True)  # fmt: skip

    return report
