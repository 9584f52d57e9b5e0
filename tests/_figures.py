"""What the tests of drawings share."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    """Begin with Matplotlib's defaults; leave no figure open and no style behind."""
    with plt.rc_context():
        plt.rcdefaults()
        yield
    plt.close("all")


def pixels(data: bytes) -> np.ndarray:
    """Return a PNG as whole numbers (H, W, 3), which may be subtracted."""
    return np.array(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
