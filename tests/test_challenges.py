"""Notebook 01's numbers, rules and error rates."""

from functools import partial

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


def test_a_change_beyond_the_float_range_is_infinite_and_no_warning():
    with np.errstate(all="raise"):
        share, mean = challenges.pixel_change(np.array([-1.7e308]), np.array([1.7e308]))
    assert (share, mean) == (1.0, np.inf)


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
    ("mask", "radius", "words"),
    [
        ("abc", 2, "mask needs 2 axes"),
        (np.zeros((1, 4, 4)), 2, ".* One mask, as silhouette returns it"),
        (np.zeros((4, 4)), -1, "radius must be a whole number of at least 1; got -1"),
        (np.zeros((4, 4)), 2.5, "radius must be a whole number"),
    ],
)
def test_tips_names_what_is_no_mask_or_no_radius(mask, radius, words):
    with pytest.raises((TypeError, ValueError), match=f"tips: {words}"):
        challenges.tips(mask, radius)


def test_a_mask_of_ones_and_noughts_has_the_tips_of_true_and_false():
    mask = np.zeros((12, 15), bool)
    for row in range(6):
        mask[3 + row, 7 - row : 8 + row] = True
    assert challenges.tips(mask.astype(int)).tolist() == [[3, 7]]


RULES = [(challenges.is_cat, "cat"), (challenges.is_mushroom, "mushroom")]


def _right(rule, label, n, seed, severity):
    images, truth = challenges.one_against_rest(label, n, seed, severity)
    return (challenges.answers(rule, images) == truth).mean()


@pytest.mark.parametrize(("rule", "label"), RULES)
def test_a_rule_is_right_on_every_scene_while_all_dials_stand_at_zero(rule, label):
    images, labels = scenes.generate(300, seed=31, severity=0)
    wanted = labels == scenes.CLASSES.index(label)
    assert np.array_equal(challenges.answers(rule, images), wanted)


@pytest.mark.parametrize("rule", [lambda image: image > 9, lambda image: []])
def test_a_rule_that_says_many_things_of_one_image_is_refused(rule):
    with pytest.raises(ValueError, match="answers: rule must say one True or False"):
        challenges.answers(rule, np.zeros((2, 3, 4, 4), np.uint8))


@pytest.mark.parametrize(("rule", "label"), RULES)
def test_a_rule_is_near_guessing_when_all_dials_stand_at_one(rule, label):
    assert 0.45 <= _right(rule, label, 200, 3, 1) < 0.7


def test_the_rule_for_cats_knows_cats_that_it_was_not_made_for():
    assert _right(challenges.is_cat, "cat", 200, 3, {"variation": 0.25}) > 0.98


@pytest.mark.parametrize("seed", [901, 902, 903])
def test_viewpoint_hurts_the_rule_more_than_the_lamp_in_other_draws_too(seed):
    dials = ("viewpoint", "illumination", "clutter", "deformation")
    right = [_right(challenges.is_cat, "cat", 200, seed, {d: 0.5}) for d in dials]
    assert right[0] < right[1] < 0.87 and min(right[2:]) > right[1]


def test_with_other_numbers_the_rule_for_cats_stands_a_tilted_head():
    images, truth = challenges.one_against_rest("cat", 100, 3, {"viewpoint": 0.5})
    level = [
        np.mean([challenges.is_cat(one, level=part) for one in images[truth]])
        for part in (0.06, 0.3)
    ]
    assert level[0] < 0.5 and level[1] > 0.8


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


def test_training_scenes_turn_the_named_dials_only():
    images, _ = challenges.training_scenes(10, 5, (0.8,), dials=("clutter",))
    assert np.array_equal(images, scenes.generate(10, 5, {"clutter": 0.8})[0])


def test_no_training_scenes_are_no_images_and_no_labels():
    none, one = challenges.training_scenes(0), challenges.training_scenes(1)
    assert len(none[0]) == len(none[1]) == 0 and none[0].shape[1:] == one[0].shape[1:]


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
    others = (challenges.SECOND, challenges.PERSON)
    assert all(entry.source for entry in (*challenges.WINNERS, *others))
    errors = [entry.top5 for entry in challenges.WINNERS]
    assert errors == sorted(errors, reverse=True)
    assert [entry.network for entry in challenges.WINNERS] == [False] * 2 + [True] * 6


# ------------------------------------------------------------------ a leak


@pytest.fixture(scope="module")
def examples():
    return challenges.training_scenes(3000, seed=100)


def test_the_memoriser_is_at_chance_on_what_is_held_out(examples):
    accuracy = challenges.held_out_accuracy(challenges.memorise, *examples)
    assert 0.06 < accuracy < 0.14


def test_two_shuffles_let_the_memoriser_know_four_fifths_of_the_test(examples):
    from cnnlab.checks.challenges import _overlapping

    assert round(_overlapping(challenges.memorise, *examples), 2) == 0.81


def test_the_other_causes_would_give_other_numbers_than_81(examples):
    images, labels = examples
    apart = np.random.default_rng(0).permutation(labels)  # (a)
    known = challenges.memorise(images, apart)
    assert 0.07 < (known(images) == labels).mean() < 0.13
    known = challenges.memorise(images, labels)  # (c)
    assert (known(images) == labels).mean() == 1
    new, new_labels = scenes.generate(500, seed=500, severity=0.4)  # (d)
    assert (known(new) == new_labels).mean() == 0.1


# ------------------------------------------------------------------ the record


@pytest.fixture(scope="module")
def record():
    from cnnlab.course import records

    return records.read("challenges")


def _ends(curves) -> dict:
    """Return dial -> mean accuracy at severity 1."""
    return {d: float(np.mean(np.atleast_2d(runs)[:, -1])) for d, runs in curves.items()}


def test_the_record_is_what_this_code_still_gives(record):
    some, truth = challenges.one_against_rest(
        "cat", record["images_a_point"], record["test_seed"], {"viewpoint": 1.0}
    )
    tuned = partial(challenges.is_cat, **record["tuned_numbers"])
    for name, rule in (("rule", challenges.is_cat), ("tuned", tuned)):
        again = (challenges.answers(rule, some) == truth).mean()
        assert again == record[name]["viewpoint"][-1]


def test_all_answers_are_perfect_while_the_world_holds_still(record):
    for name in ("rule", "tuned", "network"):
        for runs in record[name].values():
            assert (np.atleast_2d(runs)[:, 0] >= 0.995).all(), name


def test_the_more_the_examples_choose_the_higher_is_the_accuracy_at_severity_1(record):
    rule, tuned, network = (_ends(record[k]) for k in ("rule", "tuned", "network"))
    for dial in rule:
        assert rule[dial] < network[dial] and tuned[dial] < network[dial], dial
        # Tuning pays everywhere but behind bars: larger windows are covered sooner.
        assert tuned[dial] > rule[dial] or dial == "occlusion"
    assert tuned["viewpoint"] > rule["viewpoint"] + 0.15


def test_a_network_needs_examples_of_another_viewpoint_and_of_a_dark_ground(record):
    seen, unseen = (record["ten_classes"][kind] for kind in ("seen", "unseen"))
    for change in ("viewpoint", "dark grounds"):
        assert max(unseen[change]) < min(seen[change]) - 0.1
    assert max(unseen["dark grounds"]) < 0.25
    longer = record["ten_classes"]["unseen_longer"]  # too little training is not why
    assert longer["viewpoint"] < min(seen["viewpoint"]) - 0.1
    assert longer["dark grounds"] < 0.25
    for change in ("illumination", "deformation"):
        assert min(unseen[change]) > 0.95


def test_lamps_may_be_left_out_because_the_mean_colour_is_subtracted(record):
    kept, unseen = record["lamps_mean_kept"], record["ten_classes"]["unseen"]
    assert min(kept["seen"]) > 0.99
    assert [round(100 * one) for one in sorted(kept["unseen"])] == [86, 91, 93]
    assert [round(100 * one) for one in unseen["illumination"]] == [98, 100, 100]
