"""Controls around functions of ``plots``: everything a learner can drag or key in."""

from cnnlab.widgets._base import Explorer, Number, choice, number, tick
from cnnlab.widgets.after import timeline_explorer
from cnnlab.widgets.anatomy import AnatomyExplorer, anatomy_explorer, anatomy_of
from cnnlab.widgets.backprop import GraphExplorer, graph_explorer, stepped
from cnnlab.widgets.challenges import dials, duel, render_dials, render_duel
from cnnlab.widgets.cnn import network_explorer
from cnnlab.widgets.conv import ConvExplorer, conv_explorer, convolved
from cnnlab.widgets.gpu import cost_calculator, step_explorer
from cnnlab.widgets.images import PixelEditor, coarse
from cnnlab.widgets.ingredients import (
    crop_explorer,
    lrn_explorer,
    signal_explorer,
)
from cnnlab.widgets.inside import (
    PhotoPicker,
    blame_explorer,
    feature_map,
    layer_browser,
)
from cnnlab.widgets.lenet import Pad, drawing_board, drawn, inked, read_drawing
from cnnlab.widgets.linear import (
    losses_of_scores,
    rows_explorer,
    scores_explorer,
    templates_after,
    three_rows,
    training_explorer,
)
from cnnlab.widgets.neighbors import disturb, neighbours, render_neighbours
from cnnlab.widgets.neurons import (
    circuit_explorer,
    lit_circuit,
    mended_line,
    perceptron_explorer,
)
from cnnlab.widgets.optim import render_walk, valley_explorer, walk
from cnnlab.widgets.pool import FieldExplorer, field_explorer, traced

__all__ = [
    "crop_explorer",
    "lrn_explorer",
    "signal_explorer",
    "timeline_explorer",
    "AnatomyExplorer",
    "anatomy_explorer",
    "anatomy_of",
    "GraphExplorer",
    "graph_explorer",
    "stepped",
    "network_explorer",
    "dials",
    "duel",
    "render_dials",
    "render_duel",
    "Explorer",
    "Number",
    "choice",
    "number",
    "tick",
    "ConvExplorer",
    "conv_explorer",
    "convolved",
    "cost_calculator",
    "step_explorer",
    "PixelEditor",
    "coarse",
    "disturb",
    "neighbours",
    "render_neighbours",
    "circuit_explorer",
    "lit_circuit",
    "mended_line",
    "perceptron_explorer",
    "losses_of_scores",
    "rows_explorer",
    "scores_explorer",
    "templates_after",
    "three_rows",
    "training_explorer",
    "render_walk",
    "valley_explorer",
    "walk",
    "Pad",
    "drawing_board",
    "drawn",
    "inked",
    "read_drawing",
    "FieldExplorer",
    "field_explorer",
    "traced",
    "PhotoPicker",
    "blame_explorer",
    "feature_map",
    "layer_browser",
]
