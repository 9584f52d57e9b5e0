"""Train and evaluate from the command line.

python -m cnnlab.train --preset krizhevsky2012 --data STORE --out RUN [--resume auto]
python -m cnnlab.train eval RUN [--split test] [--crops 10]
torchrun --nproc-per-node 8 -m cnnlab.train --preset krizhevsky2012 ...

STORE is a store of ``python -m cnnlab.packed``, the name of a data set ("mnist"), or a
folder of your own photographs, one folder a class. Every field of a recipe can be
changed: --lr 0.02 --epochs 5 --options width=0.5. --debug shows where an error arose.
"""

import argparse
import dataclasses
import sys

from cnnlab.course import door
from cnnlab.train import presets


def main(argv: list[str] | None = None) -> int:
    """Run the command; return the exit status (143 after SIGTERM, 130 after Ctrl-C)."""
    return door.enter(_run, "train", argv, needs_output=False)


def _run(argv: list[str]) -> int:
    if argv[:1] == ["eval"]:
        return _evaluate(argv[1:])
    options = vars(_parser().parse_args(argv))
    if options.pop("presets"):
        print(_preset_list())
        return 0
    missing = [n for n in ("preset", "data", "out") if options[n] is None]
    if missing:
        _parser().error(f"these are needed: {', '.join('--' + n for n in missing)}")
    changes = {
        name: options.pop(name)
        for name in [f.name for f in _fields()]
        if options[name] is not None or options.pop(name)
    }
    if "options" in changes:
        changes["options"] = dict(changes["options"])
    from cnnlab.train.loop import fit

    run = fit(**options, **changes)
    return {None: 0, "SIGTERM": 143, "SIGINT": 130, "SIGHUP": 129}.get(run.stopped, 1)


def _fields() -> list[dataclasses.Field]:
    """Return the fields of a preset that the command line can change."""
    fixed = ("name", "about")
    return [f for f in dataclasses.fields(presets.Preset) if f.name not in fixed]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cnnlab.train",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--presets", action="store_true", help="list the recipes and end")
    add("--preset", choices=list(presets.PRESETS), help="recipe", metavar="NAME")
    add("--data", help="store, data set name, or folder of image files")
    add("--out", help="folder of the run: log, checkpoints, weights")
    add("--resume", choices=["auto"], help="go on from the newest checkpoint, if any")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    add("--engine", default="auto", help="auto, eager, compile, graph")
    add("--steps", type=int, help="stop after so many updates")
    add("--interval", type=int, default=50, help="updates between two log lines")
    add("--save-minutes", type=float, default=5.0, help="between two checkpoints")
    recipe = parser.add_argument_group("fields of the recipe, to change it")
    for field in _fields():
        recipe.add_argument(f"--{field.name.replace('_', '-')}", **_kind(field))
    return parser


def _kind(field: dataclasses.Field) -> dict:
    """Return how ``argparse`` reads a field of a preset."""
    if field.name == "options":
        return {"nargs": "+", "type": _pair, "metavar": "NAME=VALUE"}
    if field.name == "drops":
        return {"nargs": "*", "type": float, "metavar": "EPOCH"}
    if field.name == "layer_rates":
        return {"nargs": "*", "type": _layer_rate, "metavar": "LAYER,EPOCH,FACTOR"}
    kind = field.type  # not that of the default: 90 epochs may become 2.5
    if kind is bool:
        return {"action": argparse.BooleanOptionalAction, "default": None}
    choices = presets.CHOICES.get(field.name)
    return {"type": kind, "choices": choices, "metavar": field.name.upper()}


def _pair(text: str):
    """Return ("width", 0.5) for "width=0.5"; commas make a list."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got {text!r}")
    parts = [_value(part) for part in value.split(",")]
    return name, parts if len(parts) > 1 else parts[0]


def _layer_rate(text: str) -> tuple[str, float, float]:
    """Return ("conv1", 67, 0.1) for "conv1,67,0.1"."""
    try:
        layer, epoch, factor = text.split(",")
        return layer, float(epoch), float(factor)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected LAYER,EPOCH,FACTOR, such as conv1,67,0.1; got {text!r}"
        ) from None


def _value(text: str):
    """Return a number, True, False, or the text itself."""
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return {"true": True, "false": False}.get(text.lower(), text)


def _preset_list() -> str:
    return "\n".join(f"{p.name}\n    {p.about}" for p in presets.PRESETS.values())


def _evaluate(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m cnnlab.train eval",
        description="Error rates of a run on its validation set, or on another split.",
    )
    parser.add_argument("out", metavar="RUN", help="folder of the run")
    parser.add_argument("--crops", type=int, choices=[1, 10], default=1)
    parser.add_argument("--split", choices=["test", "val", "train"],
                        help="what to judge (the validation set)")  # fmt: skip
    parser.add_argument("--data", help="where the run's data are now, if they moved")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args(argv)
    from cnnlab.train.runs import evaluate_run

    print(evaluate_run(**vars(options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
