"""Training recipes as data: the paper's text, what was run in 2012, and its heirs.

A preset says everything that decides a result: network, initialisation, input,
augmentation, update rule, schedule. ``krizhevsky2012`` is the released configuration
145 (layers-145.cfg and layer-params-145.cfg of the AlexNet source code, Computer
History Museum); ``paper-text`` is what the paper says [Krizhevsky, Sutskever and
Hinton, NIPS 2012, sections 3-5]. Where they differ, the 2012 numbers come from the
former.
"""

import dataclasses
from dataclasses import dataclass, field

from cnnlab import shapes


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One recipe. Every field can be changed: ``preset.change(lr=0.02)``.

    Attributes
    ----------
    about : where the recipe comes from, and where it deviates from that source
    net, options : name of the network and its options, for ``nets.build``
    init : scheme of ``nets.initialise``
    store, crop : side of the stored images and of the input, in pixels
    fit : how a photograph becomes a stored square: "crop" its centre, or "squash" it
    unit : divide the input by its channels' standard deviation (False: grey levels)
    mean : subtract the "image" (C, H, W) or the "channel" (C,) mean of the train set
    flip, padding, resized, erase, colour_std, chunk : see ``augment.for_training``
    colour_until : epoch from which the colour shift is off
    batch : images a step, over all processes together
    epochs, lr, momentum, weight_decay : as in the paper, section 5
    bias_rate : the biases' learning rate, as a multiple of ``lr``
    decay_all : decay biases and normalisation scales too, not weights only
    schedule : "step", "plateau", "one-cycle" or "constant"; see ``sgd.rate_at``
    drops, drop_factor : epochs at which "step" multiplies the rate, and by what
    layer_rates : rows (layer, epoch, factor): from then on the layer's rate is
        multiplied by the factor, until a later row of that layer
    smoothing : of the labels [Szegedy et al., CVPR 2016, section 7]
    precision : "fp32", "bf16", or "auto": bf16 where the hardware computes in it
    seed : of initial weights, order, augmentation and dropout
    """

    name: str
    about: str
    net: str = "alexnet"
    options: dict = field(default_factory=dict)
    init: str = "krizhevsky2012"
    store: int = 256
    crop: int = 224
    fit: str = "crop"
    unit: bool = False
    mean: str = "image"
    flip: bool = True
    padding: int = 0
    resized: bool = False
    erase: int = 0
    colour_std: float = 0.0
    colour_until: float = float("inf")
    chunk: int = 1
    batch: int = 128
    epochs: float = 90
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 0.0005
    bias_rate: float = 2.0
    decay_all: bool = False
    schedule: str = "step"
    drops: tuple = ()
    drop_factor: float = 0.1
    layer_rates: tuple = ()
    smoothing: float = 0.0
    precision: str = "auto"
    seed: int = 0

    def __post_init__(self):
        for entry in dataclasses.fields(self):
            value = _plain(getattr(self, entry.name))
            object.__setattr__(self, entry.name, value)
        if not isinstance(self.drops, (list, tuple)):
            raise TypeError(
                "preset: drops must be a list of epochs, such as (20, 30); got "
                f"{shapes.spoken(self.drops)}."
            )
        object.__setattr__(self, "drops", tuple(self.drops))
        for at in self.drops:
            shapes.require_number(at, 0, "preset", "drops")
        object.__setattr__(self, "layer_rates", _layer_rates(self.layer_rates))
        for name in ("store", "crop", "batch", "chunk"):
            shapes.require_int(getattr(self, name), 1, "preset", name)
        for name in ("padding", "erase"):
            shapes.require_int(getattr(self, name), 0, "preset", name)
        shapes.require_seed(self.seed, "preset")
        for name in ("lr", "momentum", "weight_decay", "bias_rate", "drop_factor"):
            shapes.require_number(getattr(self, name), 0, "preset", name)
        for name in ("epochs", "colour_std", "smoothing"):
            shapes.require_number(getattr(self, name), 0, "preset", name)
        for name, choices in CHOICES.items():
            shapes.require_choice(getattr(self, name), choices, "preset", name)
        if self.momentum >= 1 or self.smoothing >= 1:
            raise ValueError(
                "preset: momentum and smoothing must be below 1; got "
                f"{self.momentum} and {self.smoothing}."
            )
        if self.epochs == 0 or self.seed >= 2**64:
            raise ValueError(
                "preset: epochs must be above 0 and seed below 2**64; got "
                f"{self.epochs} and {self.seed}."
            )

    def change(self, **fields) -> "Preset":
        """Return a copy with these fields.

        ``options`` are merged with those that are there. Another ``net`` begins without
        the options and the layer rates of the old one.

        Examples
        --------
        >>> load("krizhevsky2012").change(lr=0.02).lr
        0.02
        """
        known = [f.name for f in dataclasses.fields(self)]
        for name in fields:
            if name not in known:
                raise TypeError(
                    f"preset: there is no field {name!r}; there are: "
                    f"{', '.join(known)}."
                )
        if fields.get("net", self.net) != self.net:
            fields = {"options": {}, "layer_rates": (), **fields}
        elif "options" in fields:
            fields["options"] = {**self.options, **fields["options"]}
        return dataclasses.replace(self, **fields)

    def as_dict(self) -> dict:
        """Return the fields as plain JSON values; ``from_dict`` reads them back."""
        row = dataclasses.asdict(self)
        if row["colour_until"] == float("inf"):
            row["colour_until"] = None
        row["drops"] = list(self.drops)
        row["layer_rates"] = [list(row) for row in self.layer_rates]
        return row


def _plain(value):
    """Return numbers and arrays of NumPy as Python's: recipes are written as JSON."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(part) for part in value)
    return value.tolist() if hasattr(value, "tolist") else value


def _layer_rates(rows) -> tuple:
    """Return the rows (layer, epoch, factor), checked."""
    wanted = "preset: layer_rates needs rows (layer, epoch, factor), such as "
    wanted += f"(('conv1', 67, 0.1),); got {shapes.spoken(rows)}."
    if not isinstance(rows, (list, tuple)):
        raise TypeError(wanted)
    for row in rows:
        whole = isinstance(row, (list, tuple)) and len(row) == 3
        if not whole or not isinstance(row[0], str):
            raise TypeError(wanted)
        for number, name in zip(row[1:], ("epoch", "factor"), strict=True):
            shapes.require_number(number, 0, "preset", f"layer_rates' {name}")
    return tuple(tuple(row) for row in rows)


CHOICES = {
    "fit": ("crop", "squash"),
    "mean": ("image", "channel", "none"),
    "schedule": ("step", "plateau", "one-cycle", "constant"),
    "precision": ("auto", "fp32", "bf16"),
}


def from_dict(row: dict) -> Preset:
    """Return the preset that ``as_dict`` wrote."""
    row = dict(row)
    if row["colour_until"] is None:
        row["colour_until"] = float("inf")
    row["drops"] = tuple(row["drops"])
    row["layer_rates"] = tuple(tuple(part) for part in row["layer_rates"])
    return Preset(**row)


def load(preset) -> Preset:
    """Return a preset by name; a ``Preset`` is returned as it is.

    Examples
    --------
    >>> load("krizhevsky2012").epochs
    91
    """
    if isinstance(preset, Preset):
        return preset
    if not isinstance(preset, str) or preset not in PRESETS:
        raise ValueError(
            f"train: preset must be one of {', '.join(PRESETS)}; "
            f"got {shapes.spoken(preset)}."
        )
    return PRESETS[preset]


_2012 = Preset(
    name="krizhevsky2012",
    about="AlexNet as it was run in 2012: configuration 145. Deviation: the biases' "
    "rate falls with the weights' (the last released file shows 0.02 unchanged).",
    options={"within_map_norm": True, "inverted_dropout": False},
    colour_std=0.1 / 1.1,  # N(0, 0.1), divided by 1.1 in the released configuration
    colour_until=67,
    chunk=32,
    epochs=91,
    drops=(25, 51, 79),
    layer_rates=(("conv1", 67, 0.1), ("conv1", 72, 0.0)),
)

_FULL = (
    _2012,
    Preset(
        name="paper-text",
        about="AlexNet as the paper's text describes it, sections 3-5: every weight "
        "from N(0, 0.01^2), rate divided by ten when the validation error stalls. "
        "Its start carries almost no signal; shown to stay flat where "
        "krizhevsky2012 learns.",
        options={"order": "as-written", "inverted_dropout": False},
        init="paper",
        colour_std=0.1,
        schedule="plateau",
    ),
    Preset(
        name="caffe",
        about="Caffe's bvlc_alexnet: biases 0.1 instead of 1, no colour shift, batch "
        "256, squashed squares, rate divided by ten every 20 epochs.",
        net="caffe",
        init="caffe",
        crop=227,
        fit="squash",
        batch=256,
        drops=(20, 40, 60, 80),
    ),
    Preset(
        name="owt2014",
        about="Krizhevsky's one-tower net of 2014 (cuda-convnet2, one GPU): rate "
        "falls by a factor of 250 over four levels. Deviation: so do the biases' "
        "rates, which fell by 10 over two levels.",
        net="owt2014",
        options={"inverted_dropout": False},
        init="owt2014",
        colour_std=0.1,
        drops=(22.5, 45, 67.5),
        drop_factor=250 ** (-1 / 3),
    ),
    Preset(
        name="torchvision",
        about="torchvision's alexnet and reference recipe: no LRN, unit-variance "
        "input, resized crops, batch 256, decay 1e-4 on every parameter. Deviation: "
        "crops are resized from the stored square, without antialiasing.",
        net="alexnet-torchvision",
        init="torch",
        unit=True,
        mean="channel",
        resized=True,
        batch=256,
        weight_decay=0.0001,
        bias_rate=1.0,
        decay_all=True,
        drops=(30, 60),
    ),
    Preset(
        name="modern",
        about="AlexNet's shape with what came later: He initialisation [ICCV 2015], "
        "batch norm [Ioffe and Szegedy, ICML 2015] instead of LRN, one-cycle rate "
        "[Smith, 2018], label smoothing, bfloat16.",
        net="alexnet-one-tower",
        options={"norm": "batch"},
        init="he",
        unit=True,
        mean="channel",
        resized=True,
        batch=256,
        epochs=40,
        lr=0.05,
        bias_rate=1.0,
        schedule="one-cycle",
        smoothing=0.1,
    ),
)

_SMALL = (
    Preset(
        name="lenet5",
        about="LeNet-5 [LeCun et al., Proc. IEEE 1998, section II] on digits of 28 "
        "pixels, padded to 34 and cut to 32. Deviations: cross-entropy, momentum and "
        "a one-cycle rate instead of squared error and second-order rates; PyTorch's "
        "initial weights, because those of the paper need its scaled tanh.",
        net="lenet5",
        init="torch",
        store=28,
        crop=32,
        padding=3,
        flip=False,
        unit=True,
        mean="channel",
        batch=128,
        epochs=8,
        lr=0.1,
        bias_rate=1.0,
        schedule="one-cycle",
    ),
    Preset(
        name="cifar2012",
        about="A CIFAR-size AlexNet with nothing younger than 2012: ReLU, LRN, "
        "overlapping pooling, dropout, crops and reflections, normal weights of "
        "deviations chosen by hand. Our own recipe; inputs are 64 times smaller than "
        "grey levels, so LRN's alpha is 64^2 times larger.",
        net="alexnet-one-tower",
        options={
            "filters": [32, 64, 128, 128, 128],
            "hidden": 512,
            "dropout": 0.25,
            "norm_alpha": 0.4,
            "norm_k": 1.0,
            "order": "pool-first",
        },
        init="cifar2012",
        store=32,
        crop=24,
        unit=True,
        mean="image",
        epochs=34,
        lr=0.03,
        drops=(24, 31),
    ),
    Preset(
        name="cifar-modern",
        about="The modern preset at CIFAR's size: padded crops, five convolutions of "
        "48 to 192 filters, pooling before batch norm, which then has a quarter of "
        "the work. Our own recipe.",
        net="alexnet-one-tower",
        options={
            "filters": [48, 96, 192, 192, 192],
            "hidden": 256,
            "dropout": 0.3,
            "norm": "batch",
            "order": "pool-first",
        },
        init="he",
        store=32,
        crop=32,
        padding=4,
        unit=True,
        mean="channel",
        epochs=30,
        lr=0.1,
        weight_decay=0.001,
        bias_rate=1.0,
        schedule="one-cycle",
        smoothing=0.1,
    ),
    Preset(
        name="tiny-modern",
        about="The modern preset for Tiny-ImageNet's 64 pixels. Our own recipe.",
        net="alexnet-one-tower",
        options={
            "norm": "batch",
            "order": "pool-first",
            "width": 0.5,
            "hidden": 512,
        },
        init="he",
        store=64,
        crop=64,
        padding=4,
        unit=True,
        mean="channel",
        epochs=20,
        lr=0.05,
        bias_rate=1.0,
        schedule="one-cycle",
        smoothing=0.1,
    ),
    Preset(
        name="small",
        about="A quarter of AlexNet's width at 64 pixels with batch norm, for your "
        "own photographs on a laptop. Our own recipe.",
        net="alexnet-one-tower",
        options={"norm": "batch", "width": 0.25, "hidden": 256},
        init="he",
        store=72,
        crop=64,
        unit=True,
        mean="channel",
        colour_std=0.1,
        batch=64,
        epochs=30,
        lr=0.03,
        bias_rate=1.0,
        schedule="one-cycle",
        smoothing=0.1,
    ),
)

PRESETS = {preset.name: preset for preset in (*_FULL, *_SMALL)}
