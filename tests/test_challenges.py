"""Notebook 01's numbers, rules and error rates."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnlab import challenges, scenes


def test_pixel_change_of_the_worked_example_is_two_thirds_and_five():
    before = np.array([10, 50, 90], np.uint8)
    after = np.array([10, 56, 99], np.uint8)
    assert challenges.pixel_change(before, after) == (2 / 3, 5.0)


def test_pixel_change_does_not_wrap_around_in_uint8():
    before, after = np.array([49, 255], np.uint8), np.array([50, 0], np.uint8)
    assert challenges.pixel_change(before, after) == (1.0, 128.0)
    assert challenges.pixel_change(after, before) == (1.0, 128.0)


def test_pixel_change_refuses_images_of_two_shapes():
    with pytest.raises(ValueError, match="one shape"):
        challenges.pixel_change(np.zeros((3, 2, 4)), np.zeros((3, 4, 2)))


def test_luminance_weighs_the_three_colours_to_one():
    white = np.full((3, 2, 4), 255, np.uint8)
    assert np.allclose(challenges.luminance(white), 255)
    with pytest.raises(ValueError, match="one image"):
        challenges.luminance(white[None])


def test_silhouette_is_the_same_for_a_picture_and_its_negative():
    image = scenes.draw("boat", seed=2)
    mask = challenges.silhouette(image)
    assert mask.any() and not mask.all()
    assert np.array_equal(mask, challenges.silhouette(255 - image))


def test_tips_finds_the_top_of_a_wedge_and_nothing_on_a_box():
    mask = np.zeros((12, 15), bool)
    for row in range(6):
        mask[3 + row, 7 - row : 8 + row] = True
    assert challenges.tips(mask).tolist() == [[3, 7]]
    box = np.zeros((12, 15), bool)
    box[3:9, 1:14] = True
    inner = [tip for tip in challenges.tips(box).tolist() if 3 < tip[1] < 11]
    assert inner == []


@pytest.mark.parametrize(
    ("rule", "label"),
    [(challenges.is_cat, "cat"), (challenges.is_mushroom, "mushroom")],
)
def test_a_rule_is_right_on_every_scene_while_all_dials_stand_at_zero(rule, label):
    images, labels = scenes.generate(300, seed=31, severity=0)
    wanted = labels == scenes.CLASSES.index(label)
    assert np.array_equal(challenges.answers(rule, images), wanted)


@pytest.mark.parametrize(
    ("rule", "label"),
    [(challenges.is_cat, "cat"), (challenges.is_mushroom, "mushroom")],
)
def test_a_rule_fails_when_the_viewpoint_is_free(rule, label):
    images, truth = challenges.one_against_rest(label, 200, 3, {"viewpoint": 1})
    assert 0.5 <= (challenges.answers(rule, images) == truth).mean() < 0.75


def test_rules_answer_false_for_pictures_without_anything_on_them():
    for side in (1, 8, 32):
        empty = np.full((3, side, side), 90, np.uint8)
        assert challenges.is_cat(empty) is False
        assert challenges.is_mushroom(empty) is False


def test_rules_leave_the_picture_alone_and_take_any_size():
    image = np.random.default_rng(0).integers(0, 256, (3, 40, 51), dtype=np.uint8)
    copy = image.copy()
    assert isinstance(challenges.is_cat(image), bool)
    assert isinstance(challenges.is_mushroom(image), bool)
    assert np.array_equal(image, copy)


def test_half_of_one_against_rest_shows_the_label_and_the_rest_all_others():
    images, truth = challenges.one_against_rest("key", 36, seed=4)
    assert images.shape == (36, 3, 32, 32) and truth.sum() == 18
    again, _ = challenges.one_against_rest(scenes.CLASSES.index("key"), 36, seed=4)
    assert np.array_equal(images, again)
    with pytest.raises(ValueError, match="no class 'dog'"):
        challenges.one_against_rest("dog", 4)


def test_training_scenes_hold_every_severity_in_equal_parts():
    images, labels = challenges.training_scenes(40, 5, severities=(0, 1))
    plain, plain_labels = scenes.generate(20, 5, 0)
    assert images.shape == (40, 3, 32, 32)
    assert np.array_equal(images[:20], plain)
    assert np.array_equal(labels[:20], plain_labels)
    assert not np.array_equal(images[20:], plain)


def test_topk_error_of_the_example_on_paper_is_one_then_one_half():
    scores, labels = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]]), np.array([2, 1])
    errors = [challenges.topk_error(scores, labels, k) for k in (1, 2, 3)]
    assert errors == [1.0, 0.5, 0.0]


def test_topk_error_prefers_the_smaller_class_among_ties():
    scores = np.array([[3.0, 3.0, 1.0]])
    assert challenges.topk_error(scores, np.array([0]), 1) == 0
    assert challenges.topk_error(scores, np.array([1]), 1) == 1


def test_topk_error_takes_uint8_scores_without_wrapping():
    scores = np.array([[0, 9, 200, 40]], np.uint8)
    assert challenges.topk_error(scores, np.array([0]), 3) == 1


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_topk_error_falls_with_k_and_equals_scikit_learns(n, classes, seed):
    from sklearn.metrics import top_k_accuracy_score

    rng = np.random.default_rng(seed)
    scores = rng.permutation(n * classes).reshape(n, classes).astype(float)
    labels = rng.integers(0, classes, n)
    errors = [challenges.topk_error(scores, labels, k) for k in range(1, classes + 1)]
    assert all(a >= b for a, b in zip(errors, errors[1:], strict=False))
    assert errors[-1] == 0
    if classes > 2:
        wanted = [
            1 - top_k_accuracy_score(labels, scores, k=k, labels=np.arange(classes))
            for k in range(1, classes)
        ]
        assert np.allclose(errors[:-1], wanted)


@pytest.mark.parametrize(
    ("scores", "labels", "k", "says"),
    [
        (np.zeros(3), np.array([0]), 1, "2 axes"),
        (np.zeros((2, 3)), np.array([0, 3]), 1, "from 0 to 2"),
        (np.zeros((2, 3)), np.array([0, 1]), 4, "from 1 to 3"),
        (np.zeros((2, 3)), np.array([0]), 1, "examples is 2 but labels is 1"),
        (np.zeros((0, 3)), np.zeros(0, int), 1, "number of images"),
    ],
)
def test_topk_error_says_what_is_wrong_with_its_arguments(scores, labels, k, says):
    with pytest.raises(ValueError, match=says):
        challenges.topk_error(scores, labels, k)


def test_the_contest_names_every_year_once_and_a_source_for_each_number():
    assert [entry.year for entry in challenges.WINNERS] == list(range(2010, 2018))
    assert all(e.source for e in (*challenges.WINNERS, *challenges.OTHERS))
    errors = [entry.top5 for entry in challenges.WINNERS]
    assert errors == sorted(errors, reverse=True)
