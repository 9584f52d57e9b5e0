"""The widgets of notebook 13: where a step's time goes, and what a training costs."""

from cnnlab import plots as p
from cnnlab import recipe, shapes
from cnnlab.widgets._base import Explorer, choice, number


def step_explorer(steps: dict, images: int = 128) -> Explorer:
    """Return controls for measured steps: which one, and the batch of the roofline.

    Parameters
    ----------
    steps : name -> `recipe.Step`
    images : of the batch at the start
    """
    names = list(steps)
    shapes.require_int(len(names), 1, "step_explorer", "the number of steps")

    def render(step, images):
        return p.step_board(steps[step], images)

    controls = {
        "step": choice("measured on", names),
        "images": number("least possible with so many images a step", images, 1, 512),
    }
    return Explorer(render, controls)


def cost_calculator(
    speeds: dict, images: int = recipe.IMAGES, epochs: int = recipe.EPOCHS
) -> Explorer:
    """Return controls for the time of a training: images, epochs, machines.

    Parameters
    ----------
    speeds : name -> images a second
    """
    shapes.require_int(len(speeds), 1, "cost_calculator", "the number of speeds")

    def render(thousands, epochs, share):
        return p.cost_board(speeds, 1000 * thousands, epochs, share)

    controls = {
        "thousands": number("thousand images", round(images / 1000), 1, 15_000),
        "epochs": number("epochs", epochs, 1, 300),
        "share": number("of each machine, sharing without loss", 1, 1, 64),
    }
    return Explorer(render, controls)
