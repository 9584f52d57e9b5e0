"""Networks that ship with the course: weights in half precision, and their origin."""

import copy

from cnnlab import train
from cnnlab.train import checkpoints, parallel
from cnnlab.train.ready import FOLDER

LIMIT = 2 * 2**20  # bytes


def store(name: str, run, held, about: dict, crops=(1,)):
    """Write ``cnnlab/nets/trained/NAME.safetensors``; return its path and errors.

    What is stored is what is judged: the weights after rounding to 16 bits.

    Parameters
    ----------
    run : a finished training with a mean and a scale for each channel
    held : the images to judge it by, which it has not seen
    about : ``what`` it is, ``script``, ``data`` and ``licence``
    crops : 1, or 10, or both
    """
    preset, group = run.state.preset, parallel.Group(0, 1, run.state.device)
    halves = copy.deepcopy(run.net).half()
    run.net.load_state_dict(halves.state_dict())  # rounded, in float32
    judged = {}
    for count in crops:
        found = train.accuracy(run.net, held, run.state, group, count)
        judged[str(count)] = {
            key: round(found[key], 4) for key in ("error", "error5") if key in found
        }
    pixels = {
        key: [round(float(v), 4) for v in run.state.statistics[key].flatten()]
        for key in ("mean", "scale")
    }
    metadata = {
        **about,
        "net": preset.net,
        "options": preset.options,
        "image_size": preset.crop,
        "classes": list(run.classes),
        **pixels,
        "parameters": sum(w.numel() for w in run.net.parameters()),
        "seed": preset.seed,
        "recipe": preset.as_dict(),
        "judged_on": len(held),
        "judged": judged,
    }
    path = checkpoints.export(halves, FOLDER / f"{name}.safetensors", metadata)
    assert path.stat().st_size <= LIMIT, "too large to ship"
    return path, judged
