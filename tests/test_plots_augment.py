"""Contact sheets: what they draw is what they were given."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

from cnnlab import augment, data, plots


@pytest.fixture(autouse=True)
def no_figure_stays_open():
    with plt.rc_context():
        plots.style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def cat():
    return augment.paper_square(data.photo("chelsea"), 64)


def sheet_of_crops(cat, crop=48, **kwargs):
    """Return (figure, views, choices): nine crops of one image."""
    copies = cat[None].expand(9, -1, -1, -1)
    drawn = augment.choose(0, 0, range(9), height=64, width=64, crop=crop)
    views = augment.for_training(copies, range(9), 0, seed=0, crop=crop)
    sides = torch.full((9,), crop)
    boxes = torch.stack((drawn.top, drawn.left, sides, sides), 1)
    labels = plots.crop_labels(drawn.top, drawn.left, drawn.mirrored)
    figure = plots.contact_sheet(cat, views, labels, boxes, columns=2, **kwargs)
    return figure, views, drawn


def shown(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def test_every_cell_shows_its_view_under_its_label(cat):
    figure, views, drawn = sheet_of_crops(cat, title="nine crops")
    whole, *cells = figure.axes
    np.testing.assert_array_equal(shown(whole), cat.permute(1, 2, 0))
    seen = [ax for ax in cells if ax.get_visible()]
    assert len(seen) == 9 and len(cells) == 10
    for k, ax in enumerate(seen):
        np.testing.assert_array_equal(shown(ax), views[k].permute(1, 2, 0))
        title = ax.get_title()
        assert f"row {drawn.top[k]}, column {drawn.left[k]}" in title
        assert ("mirrored" in title) == bool(drawn.mirrored[k])
    assert figure.get_suptitle() == "nine crops"


def test_a_frame_surrounds_the_pixels_of_the_crop_in_the_cells_colour(cat):
    figure, views, drawn = sheet_of_crops(cat)
    whole, *cells = figure.axes
    assert len(whole.patches) == 9
    for k, frame in enumerate(whole.patches):
        left, top = (round(v + 0.5) for v in frame.get_xy())
        part = shown(whole)[top : top + 48, left : left + 48]
        part = part[:, ::-1] if drawn.mirrored[k] else part
        np.testing.assert_array_equal(part, shown(cells[k]))
        edge = cells[k].spines["left"].get_edgecolor()
        assert to_hex(edge) == to_hex(frame.get_edgecolor())


def test_the_picture_of_a_sheet_has_the_crops_colours(cat):
    # In the PNG itself: the blue frame of the first crop, and pixels of the cat.
    figure = sheet_of_crops(cat)[0]
    pixels = np.asarray(Image.open(io.BytesIO(plots.png(figure))).convert("RGB"))
    blue = [int(plots.BLUE[k : k + 2], 16) for k in (1, 3, 5)]
    assert (pixels == blue).all(2).sum() > 100
    wanted = cat.float().mean((1, 2)).numpy()
    coloured = pixels[(pixels.max(2).astype(int) - pixels.min(2)) > 20]
    assert np.abs(coloured.mean(0) - wanted).max() < 25


def test_values_outside_the_grey_levels_are_cut_off():
    views = np.array([-40.0, 0.4, 254.6, 300.0]).reshape(1, 1, 2, 2)
    image = np.zeros((1, 2, 2), np.uint8)
    figure = plots.contact_sheet(image, views, ["x"])
    np.testing.assert_array_equal(shown(figure.axes[1]), [[0, 0], [255, 255]])


def test_labels_of_shifts_are_whole_grey_levels_of_each_channel():
    got = plots.shift_labels(np.array([[12.4, -3.2, 0.1], [-0.4, 0.6, -11.5]]))
    assert got == ["red +12, green −3\nblue 0", "red 0, green +1\nblue −12"]
    assert plots.crop_labels([-4], [2]) == ["row −4, column 2"]


def test_the_axes_of_colour_show_mean_and_shifted_colours():
    mean, sds = np.array([120.0, 110.0, 100.0]), np.array([40.0, 20.0, 10.0])
    figure = plots.colour_axes(mean, sds, np.eye(3), reach=2, steps=5)
    (ax,) = figure.axes
    cells = shown(ax) * 255  # (axis, step, channel)
    np.testing.assert_allclose(cells[:, 2], np.tile(mean, (3, 1)))
    np.testing.assert_allclose(cells[0, 4], [200, 110, 100])
    np.testing.assert_allclose(cells[2, 0], [120, 110, 80])
    texts = [text.get_text() for text in ax.texts]
    assert texts[:5] == ["−80", "−40", "0", "+40", "+80"]
    # 40^2 of 40^2 + 20^2 + 10^2 is 76 %.
    assert "76 %" in ax.get_title(loc="left")
    assert ax.get_xlabel() and ax.get_ylabel()


def test_real_colours_give_the_axes_that_augment_finds():
    photos = [augment.paper_square(data.photo(n), 64) for n in ("coffee", "china")]
    images = torch.stack(photos)
    sds, vectors = augment.colour_directions(images)
    figure = plots.colour_axes(augment.channel_mean(images), sds, vectors)
    share = (sds[0] ** 2 / (sds**2).sum()).item()
    assert f"{100 * share:.0f} %" in figure.axes[0].get_title(loc="left")
    assert share > 0.7  # photographs differ in brightness first


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(image=np.zeros((3, 4, 4))), "uint8"),
        (dict(views=np.zeros((0, 3, 4, 4))), "at least one"),
        (dict(views=np.zeros((3, 4, 4))), "4 axes"),
        (dict(labels=["one"]), "views is 2 but labels is 1"),
        (dict(columns=0), "columns"),
        (dict(boxes=np.zeros((2, 3))), "boxes"),
        (dict(boxes=np.zeros((1, 4))), "boxes"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(change, words):
    call = dict(
        image=np.zeros((3, 4, 4), np.uint8),
        views=np.zeros((2, 3, 4, 4)),
        labels=["a", "b"],
    )
    with pytest.raises(ValueError, match=words):
        plots.contact_sheet(**call | change)


def test_colours_and_labels_that_do_not_fit_are_refused_in_a_sentence():
    axes = np.eye(3)
    for call, words in (
        (
            lambda: plots.colour_axes([1, 2], [3, 2, 1], axes),
            r"mean needs shape \(3,\)",
        ),
        (
            lambda: plots.colour_axes([1] * 3, [3, 2], axes),
            r"vectors needs shape \(3, 2",
        ),
        (lambda: plots.colour_axes([1] * 3, [3, 2, 1], axes, steps=0), "steps must be"),
        (lambda: plots.crop_labels([1], [1, 2]), "tops is 1 but lefts is 2"),
        (lambda: plots.shift_labels([[1, 2]]), "shifts needs shape"),
    ):
        with pytest.raises(ValueError, match=words):
            call()


@pytest.mark.filterwarnings("error")
def test_pictures_of_one_colour_have_axes_of_no_length():
    figure = plots.colour_axes([9, 9, 9], [0, 0, 0], np.eye(3))
    assert "holds 0 %" in figure.axes[0].get_title(loc="left")
