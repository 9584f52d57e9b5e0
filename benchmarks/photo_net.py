"""Train the small AlexNet that ships with the course, on photographs of 64 pixels.

    python -m cnnlab.packed TREE_OR_ZIP STORE --size 64
    python benchmarks/photo_net.py STORE RUN

Two towers and nothing younger than 2012, on 50 classes of Tiny-ImageNet. conv1 has
filters of 7x7 at stride 2, large enough to be looked at. Validation photographs judge
the network and choose nothing. One thread.

RUN is the folder of the training: stopped at any moment, the same command goes on from
its last checkpoint. At the end ``cnnlab/nets/trained/photo.safetensors`` is stored: the
weights in half precision, with class names, seed, data, licence and errors; and the
run's record, ``benchmarks/results/alexnet_run.json`` and ``.npz``, for notebooks 13 and
14. A run of another machine takes the record's place by file alone.
"""

import sys

import _runs  # noqa: F401
import _shipped
import torch

from cnnlab import packed, train
from cnnlab.train import presets, record

COMMAND = "python benchmarks/photo_net.py STORE RUN"
PRESET = presets.Preset(
    name="photo-2012",
    about="A two-tower AlexNet of a quarter of the width for crops of 56 from 64 "
    "pixels: conv1 with 7x7 filters at stride 2, weaker dropout, pooling before "
    "normalisation. Inputs are about 64 times smaller than grey levels, so LRN's "
    "alpha is 64^2 times larger.",
    net="alexnet",
    options={
        "filters": [24, 48, 96, 96, 64],
        "hidden": 512,
        "dropout": 0.25,
        "stems": {32: [7, 2, 3]},
        "order": "pool-first",
        "norm_alpha": 0.4,
        "norm_k": 1.0,
    },
    init="photo2012",
    store=64,
    crop=56,
    unit=True,
    mean="channel",
    colour_std=0.1,
    batch=32,
    epochs=8,
    lr=0.01,
    drops=(6, 7.25),
    precision="fp32",
)  # fmt: skip
NOTE = "ImageNet's photographs are for research and teaching; none is included."
ABOUT = {
    "what": "a small two-tower AlexNet with the ingredients of 2012, on photographs "
    "of 50 classes",
    "script": COMMAND,
    "data": "50 of the 200 classes of Tiny-ImageNet (Stanford CS231n, from ImageNet: "
    "Deng et al. 2009), 64 pixels",
    "licence": f"The weights are ours, BSD-3-Clause. {NOTE}",
}


def pair_of(store: str) -> tuple:
    """Return (train, validation) of a packed store."""
    held = next(name for name in ("val", "test") if name in packed.splits(store))
    return packed.open(store, "train"), packed.open(store, held)


def main(store: str, out: str, **changes) -> None:
    torch.set_num_threads(1)
    pair = pair_of(store)
    options = {"resume": "auto", "save_minutes": 1.0, "interval": 100, **changes}
    run = train.fit(PRESET, store, out, **options)
    if run.stopped:
        raise SystemExit(f"stopped by {run.stopped}; the same command goes on")
    about = {**ABOUT, "images": [len(part) for part in pair]}
    path, judged = _shipped.store("photo", run, pair[1], about, crops=(1, 10))
    print(path, f"{path.stat().st_size:,} bytes", judged)
    sentence = (
        "A small two-tower AlexNet, trained on one thread of a processor that had "
        f"other work to do; images: {ABOUT['data']}."
    )
    told = {"name": "tiny-imagenet-50", "note": f"{ABOUT['data']}. {NOTE}"}
    found = record.of_run(out, sentence, told, crops=(1, 10), source=store)
    print(record.write("alexnet_run", *found))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python benchmarks/photo_net.py STORE RUN")
    main(*sys.argv[1:])
