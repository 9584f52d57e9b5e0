"""Controls around functions of ``plots``: everything a learner can drag or key in."""

from cnnlab.widgets._base import Explorer, Number, choice, number, safe, tick
from cnnlab.widgets.images import PixelEditor, coarse

__all__ = [
    "Explorer",
    "Number",
    "choice",
    "number",
    "safe",
    "tick",
    "PixelEditor",
    "coarse",
]
