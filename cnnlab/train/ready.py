"""Small trained networks that come with the course, and where each comes from."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cnnlab import augment, nets, shapes
from cnnlab.train import checkpoints

FOLDER = Path(nets.__file__).parent / "trained"


@dataclass(frozen=True)
class Shipped:
    """A trained network and all that one should know of it.

    Attributes
    ----------
    net : in evaluation mode, float32; takes what ``input`` returns
    classes : their names, in the order of the scores
    about : what it is, script, seed, data and licence, recipe, and ``judged``: errors
        on images it never saw, by the number of crops
    """

    net: nn.Module
    classes: tuple[str, ...]
    about: dict

    def input(self, images) -> torch.Tensor:
        """Return what the network sees of uint8 images (N, 3, H, W): their centre."""
        mean, scale = (
            torch.tensor(self.about[name])[:, None, None] for name in ("mean", "scale")
        )
        if not isinstance(images, torch.Tensor):
            images = np.asarray(images)
        crop = self.net.image[1]
        return augment.for_evaluation(images, crop=crop, mean=mean, scale=scale)

    @torch.no_grad()
    def probabilities(self, images) -> np.ndarray:
        """Return the probabilities (N, K) for uint8 images (N, 3, H, W)."""
        return self.net(self.input(images)).softmax(1).numpy()

    def __repr__(self) -> str:
        return f"Shipped({self.about['what']})"


def shipped_names() -> tuple[str, ...]:
    """Return the names of the networks that are there."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.safetensors")))


def shipped(name: str) -> Shipped:
    """Return a network that comes with the course.

    Raises
    ------
    ValueError
        For a name that does not exist; the message lists those that do.
    """
    from safetensors import safe_open

    shapes.require_choice(name, shipped_names(), "shipped", "name")
    path = FOLDER / f"{name}.safetensors"
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["cnnlab"])
    options = dict(about["options"])
    if "stems" in options:  # JSON knows no numbers as keys
        options["stems"] = {int(side): v for side, v in options["stems"].items()}
    net = nets.build(
        about["net"],
        num_classes=len(about["classes"]),
        image_size=about["image_size"],
        in_channels=3,
        **options,
    )
    checkpoints.import_weights(net, path)  # every byte is checked
    return Shipped(net.eval(), tuple(about["classes"]), about)
