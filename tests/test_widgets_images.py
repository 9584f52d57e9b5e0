"""The widgets of notebook 00, driven without a browser."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cnnlab import plots, widgets


@pytest.fixture
def editor():
    image = np.arange(0, 240, 20, dtype=np.uint8).reshape(3, 4)
    return widgets.PixelEditor(image, row=1, column=2)


def test_choosing_a_pixel_shows_its_number(editor):
    editor.row.value, editor.column.value = 2, 3
    assert editor.number.value == 220
    assert "image[2, 3] is 220" in editor.text.value


def test_clicking_a_number_chooses_its_pixel(editor):
    editor.cells[4 * 2 + 1].click()
    assert (editor.row.value, editor.column.value) == (2, 1)
    assert editor.number.value == 180


def test_changing_the_value_changes_number_array_and_picture(editor):
    before = editor.image.value
    editor.number.value = 255
    assert editor.pixels[1, 2] == 255
    assert editor.cells[4 * 1 + 2].description == "255"
    assert editor.image.value != before


def test_moving_about_changes_no_pixel(editor):
    before = editor.pixels.copy()
    for index in (0, 11, 5, 6, 3):
        editor.cells[index].click()
    np.testing.assert_array_equal(editor.pixels, before)


def test_the_original_comes_back(editor):
    before = editor.pixels.copy()
    for value, index in ((0, 3), (7, 8), (255, 1)):
        editor.cells[index].click()
        editor.number.value = value
    editor.reset.click()
    np.testing.assert_array_equal(editor.pixels, before)
    assert [int(cell.description) for cell in editor.cells] == before.ravel().tolist()


def test_the_learners_array_is_never_altered():
    image = np.zeros((2, 2), np.uint8)
    widgets.PixelEditor(image).number.value = 9
    assert not image.any()


@pytest.mark.parametrize("wrong", [np.zeros((2, 2)), np.zeros((1, 2, 2), np.uint8)])
def test_the_editor_says_what_image_it_needs(wrong):
    with pytest.raises(ValueError, match=r"uint8 \(H, W\)"):
        widgets.PixelEditor(wrong)


def test_the_coarse_picture_counts_its_numbers():
    image = np.zeros((3, 30, 45), np.uint8)
    colour = plots.coarse_picture(image, side=12, levels=256, colour=True)
    grey = plots.coarse_picture(image, side=12, levels=4, colour=False)
    assert "12 × 18 pixels × 3 = 648 numbers of 256 levels" in colour.alt
    assert "12 × 18 pixels × 1 = 216 numbers of 4 levels" in grey.alt


def test_two_levels_leave_black_and_white_only():
    from io import BytesIO

    from PIL import Image

    image = np.random.default_rng(0).integers(0, 256, (3, 40, 40), dtype=np.uint8)
    picture = plots.coarse_picture(image, side=20, levels=2, colour=False)
    assert set(np.unique(Image.open(BytesIO(picture.data)))) <= {0, 255}


def test_every_control_of_the_coarse_widget_changes_the_picture():
    image = np.random.default_rng(0).integers(0, 256, (3, 40, 60), dtype=np.uint8)
    explorer = widgets.coarse(image)
    for name, value in (("side", 30), ("levels", 3), ("colour", False)):
        before = explorer.image.value
        explorer.controls[name].value = value
        assert explorer.image.value != before, name


# ------------------------------------------------------- the editor, as it is seen


def test_every_number_is_named_by_its_place(editor):
    style = editor.children[-1].value
    for row, column in np.ndindex(3, 4):
        cell = editor.cells[4 * row + column]
        assert f"cnnlab-pixel-{row}-{column}" in cell._dom_classes
        rule = f'.cnnlab-pixel-{row}-{column}::before{{content:"row {row}, column '
        assert f'{rule}{column}: "}}' in style
        assert cell.description == str(editor.pixels[row, column])


def test_rows_of_the_table_stand_beside_those_of_the_picture(editor):
    from io import BytesIO

    from PIL import Image

    height = {cell.layout.height for cell in editor.cells}
    assert height == {"28px"}
    assert {cell.layout.margin for cell in editor.cells} == {"0"}
    picture = Image.open(BytesIO(editor.image.value))
    assert picture.size == (4 * 28, 3 * 28)
    assert editor.image.layout.margin.startswith("20px")  # below the column numbers


def test_changed_pixels_are_counted(editor):
    assert "0 pixels changed" in editor.text.value
    editor.number.value = 255
    assert "1 pixel changed" in editor.text.value
    editor.cells[0].click()
    editor.number.value = 9
    assert "2 pixels changed" in editor.text.value
    editor.number.value = 0
    assert "1 pixel changed" in editor.text.value


# ----------------------------------------------------------------------- figures


@pytest.fixture(autouse=True)
def no_open_figures():
    yield
    plt.close("all")


def test_the_pixel_table_writes_every_number_and_says_every_row():
    figure = plots.pixel_table(np.array([[0, 7], [99, 255]], np.uint8), "four")
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert texts == ["0", "7", "99", "255"]
    assert all(ax.get_xlabel() == "column" for ax in figure.axes)
    assert "row 0: 0 7; row 1: 99 255." in figure.alternative


def test_the_planes_say_which_is_brightest():
    image = np.zeros((3, 4, 5), np.uint8)
    image[1], image[2] = 30, 200
    said = plots.planes(image, "Sea").alternative
    assert said.startswith("Sea: ")
    assert "red: mean 0, green: mean 30, blue: mean 200" in said
    assert "The blue plane is the brightest, the red one the darkest." in said


def test_images_side_by_side_are_told_apart_in_words():
    image = np.zeros((3, 4, 6), np.uint8)
    image[:, :, ::2] = 10
    other = image.copy()
    other[0] += 20
    said = plots.side_by_side([image, other], ["one", "two"], "Redder").alternative
    assert said.startswith("Redder: one, mean red 5, green 5 and blue 5, neighbours")
    assert "differing by 10; two, mean red 25" in said
    assert "66.7 % of the values as in the first picture and 0.0 % lower." in said


def test_a_grid_names_its_images():
    images = np.zeros((4, 3, 5, 5), np.uint8)
    said = plots.side_by_side(images, list("abcd"), "Four", columns=2).alternative
    assert said == "Four: 4 colour images, a, b, c, d."


@pytest.mark.parametrize(
    ("images", "titles", "wrong"),
    [
        (np.zeros((2, 3, 4, 4)), ["a", "b"], "uint8 pixels"),
        (np.zeros((2, 3, 4, 4), np.uint8), ["a"], "images is 2 but titles is 1"),
        (np.zeros((2, 4, 4), np.uint8), ["a", "b"], "3 axes"),
    ],
)
def test_what_cannot_stand_side_by_side_is_refused(images, titles, wrong):
    with pytest.raises(ValueError, match=wrong):
        plots.side_by_side(images, titles)
