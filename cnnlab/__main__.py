"""The command line: ``python -m cnnlab``.

python -m cnnlab             check-up: is this machine ready?
python -m cnnlab lab         open JupyterLab on the first notebook
python -m cnnlab data ...    list, fetch, verify and unpack data sets
python -m cnnlab progress    which exercises are solved, and which is next

--debug shows where an error arose.
"""

import argparse
import sys

from cnnlab.course import door


def main(argv: list[str] | None = None) -> int:
    """Run one part of the course; return its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["data"]:
        from cnnlab.course import data_cli

        return data_cli.main(argv[1:])
    return door.enter(_run, "cnnlab", argv)


def _run(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m cnnlab", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parts = parser.add_subparsers(dest="part", metavar="{check,lab,data,progress}")
    parts.add_parser("check", help="look at versions, device, disk, data and kernel")
    lab = parts.add_parser("lab", help="open JupyterLab on the first notebook")
    lab.add_argument("--port", type=_port, default=8888, help="first port to try")
    lab.add_argument("--no-browser", action="store_true", help="print the address only")
    parts.add_parser("data", help="list, fetch, verify and unpack data sets")
    parts.add_parser("progress", help="which exercises are solved")
    options = parser.parse_args(argv)
    if options.part == "lab":
        from cnnlab.course import lab as launcher

        return launcher.main(options.port, False if options.no_browser else None)
    if options.part == "progress":
        from cnnlab import course

        print(course.progress_text())
        return 0
    from cnnlab.course import checkup

    report = checkup.run()
    print(report)
    return 0 if report.ready else 1


def _port(text: str) -> int:
    """Return the number of a port; 0 leaves the choice to the system."""
    if not text.isdecimal() or not 0 <= int(text) < 2**16:
        raise argparse.ArgumentTypeError(
            f"a port is a number from 0 to 65535, such as 8888; got {text!r}"
        )
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
