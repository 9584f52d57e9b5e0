"""The drawing primitives: exact pixels, texts beside pictures, readable ink."""

import io
from base64 import b64decode

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cnnlab import plots


@pytest.fixture(autouse=True)
def no_figure_left_open():
    plt.close("all")
    yield
    assert plt.get_fignums() == []


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


# --------------------------------------------------------------------- mosaic_png


def test_mosaic_of_two_grey_images_has_exactly_these_pixels():
    images = np.array([[[0, 50]], [[100, 255]]], np.uint8)  # (2, 1, 2)
    got = pixels(plots.mosaic_png(images, columns=2, scale=1, gap=1))
    assert got[..., 0].tolist() == [[0, 50, 255, 100, 255]]
    assert (got[..., 0] == got[..., 1]).all() and (got[..., 0] == got[..., 2]).all()


def test_mosaic_enlarges_without_smoothing():
    images = np.array([[[0, 200], [100, 50]]], np.uint8)
    got = pixels(plots.mosaic_png(images, scale=3))[..., 0]
    assert got.tolist() == np.kron(images[0], np.ones((3, 3), int)).tolist()


def test_mosaic_fills_rows_and_leaves_the_rest_white():
    images = np.zeros((5, 2, 3), np.uint8)
    got = pixels(plots.mosaic_png(images, columns=3, scale=1, gap=1))[..., 0]
    assert got.shape == (2 * 3 - 1, 3 * 4 - 1)
    assert (got[3:, 8:] == 255).all()
    assert (got[3:, 0:3] == 0).all()
    assert (got[2] == 255).all()


def test_mosaic_of_colour_images_keeps_their_colours():
    images = np.zeros((2, 3, 1, 1), np.uint8)
    images[0, :, 0, 0] = (200, 30, 7)
    images[1, :, 0, 0] = (1, 2, 3)
    got = pixels(plots.mosaic_png(images, columns=2, scale=1, gap=0))
    assert got.tolist() == [[[200, 30, 7], [1, 2, 3]]]


def test_mosaic_colours_one_channel_by_the_map_on_a_fixed_scale():
    images = np.array([[[0, 128, 255]]], np.uint8)
    got = pixels(plots.mosaic_png(images, scale=1, cmap="viridis"))[0]
    wanted = plt.get_cmap("viridis")([0, 128, 255])[:, :3] * 255
    assert np.abs(got - wanted).max() <= 0.5


@settings(max_examples=25, deadline=None)
@given(
    count=st.integers(1, 9),
    channels=st.sampled_from([1, 3]),
    height=st.integers(1, 5),
    width=st.integers(1, 4),
    columns=st.integers(1, 12),
    scale=st.integers(1, 3),
    gap=st.integers(0, 2),
)
def test_every_image_is_found_at_its_place(
    count, channels, height, width, columns, scale, gap
):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, channels, height, width), dtype=np.uint8)
    sheet = pixels(plots.mosaic_png(images, columns, scale, gap))
    used = min(columns, count)
    for index, image in enumerate(images):
        top = index // used * (height + gap) * scale
        left = index % used * (width + gap) * scale
        part = sheet[top : top + height * scale : scale, left : left + width * scale]
        wanted = np.broadcast_to(image, (3, height, width)).transpose(1, 2, 0)
        assert (part[:, ::scale] == wanted).all()


def test_mosaic_refuses_floats_and_says_what_to_do():
    with pytest.raises(ValueError, match=r"uint8.*float64.*astype"):
        plots.mosaic_png(np.zeros((2, 3, 3)))
    with pytest.raises(ValueError, match="uint8"):
        plots.mosaic_png(np.zeros((3, 3), np.uint8))


@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 2, 4, 4), (1, 4, 2, 2)])
def test_mosaic_refuses_shapes_it_cannot_draw(shape):
    with pytest.raises(ValueError, match="mosaic_png"):
        plots.mosaic_png(np.zeros(shape, np.uint8))


def test_mosaic_leaves_its_input_alone():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    before = images.copy()
    plots.mosaic_png(images)
    assert (images == before).all()


# --------------------------------------------------------------- show, Picture, png


def test_show_displays_the_figure_with_its_text_and_closes_it(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    plots.show(plt.figure(), "The peak is 3.0\n   at row 2.")
    data, metadata = shown[0]._repr_mimebundle_()
    assert data["text/plain"] == "The peak is 3.0 at row 2."
    assert metadata == {"image/png": {"alt": "The peak is 3.0 at row 2."}}
    assert b64decode(data["image/png"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("alt", ["", "  \n", None])
def test_show_insists_on_a_text(alt):
    figure = plt.figure()
    with pytest.raises(ValueError, match="alt needs a sentence"):
        plots.show(figure, alt)
    plt.close(figure)


def test_the_same_figure_gives_the_same_bytes():
    def draw():
        figure, ax = plt.subplots(figsize=(2, 1))
        ax.plot([1, 3, 2])
        return plots.png(figure)

    assert draw() == draw()
    assert b"Software" not in draw()


def test_a_picture_reads_as_its_text():
    assert repr(plots.Picture(b"", "A cat.")) == "A cat."


# --------------------------------------------------------------------------- images


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((5, 7), (5, 7)),
        ((1, 5, 7), (5, 7)),
        ((5, 7, 1), (5, 7)),
        ((3, 5, 7), (5, 7, 3)),
        ((5, 7, 3), (5, 7, 3)),
        ((3, 5, 3), (3, 5, 3)),  # ambiguous: taken as channels last
    ],
)
def test_images_of_any_layout_become_pixels(shape, wanted):
    assert plots.to_pixels(np.zeros(shape)).shape == wanted


@pytest.mark.parametrize("shape", [(4,), (2, 5, 7), (5, 7, 4), (1, 3, 5, 7)])
def test_what_is_no_image_is_refused_with_its_shape(shape):
    with pytest.raises(ValueError, match=r"got \("):
        plots.to_pixels(np.zeros(shape))


def test_grey_images_keep_one_scale_so_that_equal_greys_look_equal():
    figure, axes = plt.subplots(1, 2)
    dark = plots.show_image(axes[0], np.full((2, 2), 10, np.uint8), "dark")
    assert dark is axes[0]
    assert dark.images[0].get_clim() == (0, 255)
    assert plots.show_image(axes[1], np.full((2, 2), 0.1)).images[0].get_clim() == (
        0,
        1,
    )
    assert dark.get_title() == "dark"
    assert list(dark.get_xticks()) == []
    plt.close(figure)


def test_grid_shows_every_image_once_and_hides_empty_places():
    images = np.zeros((5, 3, 4, 4), np.uint8)
    figure = plots.image_grid(images, titles=list("abcde"), columns=3, suptitle="five")
    visible = [ax for ax in figure.axes if ax.get_visible()]
    assert len(figure.axes) == 6
    assert [ax.get_title() for ax in visible] == list("abcde")
    assert all(len(ax.images) == 1 for ax in visible)
    plt.close(figure)


# ---------------------------------------------------------------- ink and the palette


def _luminance(colour) -> float:
    rgb = np.array(plt.matplotlib.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def _contrast(a, b) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


@settings(max_examples=200, deadline=None)
@given(st.tuples(*[st.floats(0, 1)] * 3))
def test_ink_is_readable_on_any_colour(colour):
    ink = plots.ink_on(colour)
    assert ink in ("black", "white")
    assert _contrast(ink, colour) >= 4.5
    other = {"black": "white", "white": "black"}[ink]
    assert _contrast(ink, colour) >= 0.95 * _contrast(other, colour)


def test_matrix_writes_every_number_in_readable_ink():
    figure, ax = plt.subplots()
    values = np.array([[1.25, -3.0, 0.5], [7.0, 2.0, 9.0]])
    plots.matrix(ax, values, "a title", fmt=".1f")
    assert [text.get_text() for text in ax.texts] == [f"{v:.1f}" for v in values.flat]
    assert [text.get_position() for text in ax.texts[:2]] == [(0, 0), (1, 0)]
    assert ax.texts[5].get_color() == "black"  # bright yellow below
    assert ax.texts[1].get_color() == "white"  # dark violet below
    plt.close(figure)


def test_lines_take_okabe_and_itos_colours_in_turn():
    plots.style()
    figure, ax = plt.subplots()
    lines = [ax.plot([0, 1])[0].get_color() for _ in range(4)]
    assert lines == [plots.BLUE, plots.ORANGE, plots.GREEN, plots.VERMILION]
    assert len(set(plots.CYCLE)) == len(plots.CYCLE) == 8
    plt.close(figure)
