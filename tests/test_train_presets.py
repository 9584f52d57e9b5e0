"""Recipes as data: what they say, and how they are changed."""

import dataclasses
import json
import math

import numpy as np
import pytest

from cnnlab import nets
from cnnlab.course import records
from cnnlab.train import __main__ as cli
from cnnlab.train import presets

NAMES = sorted(presets.PRESETS)


def test_the_released_run_has_the_numbers_of_configuration_145():
    p = presets.load("krizhevsky2012")
    assert (p.batch, p.lr, p.momentum, p.weight_decay) == (128, 0.01, 0.9, 0.0005)
    assert (p.epochs, p.drops, p.bias_rate) == (91, (25, 51, 79), 2)
    assert (p.store, p.crop, p.mean, p.unit, p.chunk) == (256, 224, "image", False, 32)
    assert p.colour_std == pytest.approx(0.0909, abs=1e-4) and p.colour_until == 67
    assert not p.options["inverted_dropout"] and p.options["within_map_norm"]


def test_the_papers_text_differs_in_initialisation_order_and_schedule():
    text, run = presets.load("paper-text"), presets.load("krizhevsky2012")
    assert (text.init, run.init) == ("paper", "krizhevsky2012")
    assert text.options["order"] == "as-written" and "order" not in run.options
    assert (text.schedule, run.schedule) == ("plateau", "step")


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_names_a_network_that_exists_and_says_where_it_comes_from(name):
    preset = presets.load(name)
    assert preset.name == name and len(preset.about) > 30
    assert preset.net in nets.NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_survives_json(name):
    preset = presets.load(name)
    assert presets.from_dict(json.loads(json.dumps(preset.as_dict()))) == preset


def test_the_record_shows_the_papers_text_flat_where_the_released_run_learns():
    arms = records.read("start_race")["recipes"]
    chance = math.log(10)
    assert arms["paper-text"]["last"]["least"] > 0.98 * chance
    assert all(row["validation_error"] > 0.88 for row in arms["paper-text"]["runs"])
    assert arms["krizhevsky2012"]["last"]["greatest"] < 0.9 * chance
    for name, arm in arms.items():  # measured with the recipe as it stands
        assert arm["preset"]["init"] == presets.load(name).init


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ("cifar_accuracy_cifar2012", "cifar2012"),
        ("cifar_accuracy_cifar-modern", "cifar-modern"),
        ("tiny_accuracy", "tiny-modern"),
    ],
)
def test_an_accuracy_was_measured_with_the_recipe_as_it_stands(record, name):
    row = records.read(record)
    assert row["preset"] == presets.load(name).as_dict()
    assert row["accuracy_1_crop"] == pytest.approx(1 - row["curve"][-1]["error"])


def test_dropout_has_the_form_of_its_source():
    original = {n for n in NAMES if not presets.load(n).options.get(
        "inverted_dropout", True)}  # fmt: skip
    assert original == {"krizhevsky2012", "paper-text", "owt2014"}


def test_changing_options_keeps_the_others():
    p = presets.load("krizhevsky2012").change(options={"width": 0.5}, lr=0.02)
    assert p.options["width"] == 0.5 and p.options["within_map_norm"]
    assert "width" not in presets.load("krizhevsky2012").options


def test_another_network_begins_without_the_options_of_the_old_one():
    p = presets.load("krizhevsky2012").change(net="lenet5")
    assert p.options == {} and p.layer_rates == ()
    p = presets.load("krizhevsky2012").change(net="vgg-a", options={"hidden": 64})
    assert p.options == {"hidden": 64}
    assert (
        presets.load("krizhevsky2012").change(net="alexnet").options["within_map_norm"]
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"lr": -1}, "lr must be a finite number of at least 0; got -1"),
        ({"lr": "fast"}, "lr must be a finite number"),
        ({"batch": 0}, "batch must be a whole number of at least 1; got 0"),
        ({"momentum": 1.0}, "must be below 1"),
        ({"schedule": "cosine"}, "schedule must be 'step' or 'plateau'"),
        ({"precision": "fp8"}, "precision must be 'auto'"),
        ({"mean": None}, "mean must be 'image'"),
        ({"seed": -3}, "seed must be a whole number of at least 0"),
        ({"seed": 2**64}, "seed below 2"),
        ({"epochs": 0}, "epochs must be above 0"),
        ({"drops": 5}, "drops must be a list of epochs"),
        ({"drops": ("a",)}, "drops must be a finite number"),
        ({"layer_rates": "conv1"}, r"layer_rates needs rows \(layer, epoch, factor\)"),
        ({"layer_rates": (("conv1", 3),)}, "layer_rates needs rows"),
        ({"layer_rates": (("conv1", -3, 1),)}, "layer_rates' epoch must be a finite"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(change, words):
    with pytest.raises((ValueError, TypeError), match=words):
        presets.load("modern").change(**change)


def test_an_unknown_field_or_preset_lists_those_that_exist():
    with pytest.raises(TypeError, match="no field 'learning_rate'.*weight_decay"):
        presets.load("modern").change(learning_rate=1)
    with pytest.raises(ValueError, match="krizhevsky2012.*got 'alexnet'"):
        presets.load("alexnet")


def test_every_field_can_be_changed_from_the_command_line():
    values = {int: "3", float: "0.5", str: None, bool: None}
    line = ["--preset", "modern", "--data", "d", "--out", "o"]
    for field in cli._fields():
        flag = f"--{field.name.replace('_', '-')}"
        if field.name == "options":
            line += [
                flag,
                "width=0.5",
                "norm=lrn",
                "inverted_dropout=false",
                "filters=8,16,16",
            ]
        elif field.name == "drops":
            line += [flag, "1", "2.5"]
        elif field.name == "layer_rates":
            line += [flag, "conv1,67,0.1", "conv1,72,0"]
        elif type(field.default) is bool:
            line += [flag]
        else:
            value = values[type(field.default)]
            line += [flag, value or str(presets.CHOICES.get(field.name, ["x"])[0])]
    options = vars(cli._parser().parse_args(line))
    assert dict(options["options"]) == {
        "width": 0.5, "norm": "lrn", "inverted_dropout": False,
        "filters": [8, 16, 16],
    }  # fmt: skip
    assert options["drops"] == [1, 2.5] and options["batch"] == 3
    assert options["layer_rates"] == [("conv1", 67, 0.1), ("conv1", 72, 0)]
    fixed = {"name", "about"}
    names = {f.name for f in dataclasses.fields(presets.Preset)} - fixed
    assert names <= set(options)


def test_numbers_of_numpy_become_plain_ones():
    p = presets.load("modern").change(
        lr=np.float64(0.1), batch=np.int64(8), epochs=np.float32(2), flip=np.True_,
        drops=np.array([1, 2]), options={"filters": np.array([8, 8, 8, 8, 8])},
    )  # fmt: skip
    assert [type(v) for v in (p.lr, p.batch, p.epochs, p.flip)] == [
        float, int, float, bool,
    ]  # fmt: skip
    assert p.drops == (1, 2) and p.options["filters"] == [8] * 5
    assert presets.from_dict(json.loads(json.dumps(p.as_dict()))) == p


def test_parts_of_an_epoch_can_be_given_on_the_command_line():
    options = vars(cli._parser().parse_args(["--epochs", "2.5"]))
    assert options["epochs"] == 2.5


def test_a_layer_rate_that_cannot_be_read_is_quoted(capsys):
    with pytest.raises(SystemExit):
        cli._parser().parse_args(["--layer-rates", "conv1=0.1"])
    assert "expected LAYER,EPOCH,FACTOR" in capsys.readouterr().err
