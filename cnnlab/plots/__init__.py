"""Arrays in, labelled Axes or figures out: every drawing of the course.

``plots.style()`` sets the house style, ``plots.show(figure, alt)`` displays.
"""

from cnnlab.plots._base import (
    BLACK,
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SIGNED,
    SKY,
    VERMILION,
    YELLOW,
    Picture,
    image_grid,
    ink_on,
    matrix,
    mosaic_png,
    png,
    show,
    show_image,
    style,
    to_pixels,
)

__all__ = [
    "BLACK",
    "BLUE",
    "CYCLE",
    "GREEN",
    "GREY",
    "ORANGE",
    "PURPLE",
    "SIGNED",
    "SKY",
    "VERMILION",
    "YELLOW",
    "Picture",
    "image_grid",
    "ink_on",
    "matrix",
    "mosaic_png",
    "png",
    "show",
    "show_image",
    "style",
    "to_pixels",
]
