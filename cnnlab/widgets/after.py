"""The widget of notebook 15: networks since 2012, by year, size, work and depth."""

from cnnlab import plots as p
from cnnlab import shapes
from cnnlab.plots.after import ACROSS
from cnnlab.widgets._base import Explorer, choice

ERRORS = (("top-1 error", "top1"), ("top-5 error", "top5"))


def timeline_explorer(rows: dict) -> Explorer:
    """Return controls for networks: what is drawn across, which error, which network.

    Parameters
    ----------
    rows : name -> numbers, as the record ``timeline`` has them
    """
    shapes.require_int(len(rows), 1, "timeline_explorer", "the number of rows")

    def render(across, error, network):
        return p.timeline_board(rows, across, error, network)

    controls = {
        "network": choice("network", list(rows)),
        "across": choice("across", list(ACROSS), "multiply-accumulates"),
        "error": choice("error", list(ERRORS)),
    }
    return Explorer(render, controls)
