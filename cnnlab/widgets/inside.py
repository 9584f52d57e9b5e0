"""The widgets of notebook 14: one's own photograph through a network, layer by layer.

All of them take an ``inside.Subject``, so any ``nn.Module``.
"""

import functools
import html
import io
from base64 import b64encode

import ipywidgets as w
import numpy as np

from cnnlab import data, inside
from cnnlab import plots as p
from cnnlab.plots.inside import CLOUD, WIDTH, spots
from cnnlab.widgets._base import Explorer, choice, number, showing_errors

OWN = "your own"
RANKS = ("first answer", "second answer", "third answer", "fourth answer",
         "fifth answer")  # fmt: skip


class PhotoPicker(w.VBox):
    """A list of photographs, and a button for one's own; ``.value`` is uint8 (3, S, S).

    A file that is no picture is answered in words, and the last one stays.
    """

    def __init__(self, side: int, start: str = "chelsea"):
        known = data.load("photos", size=side)
        self._photos = dict(zip(known.classes, known.images, strict=True))
        self.side, self._handlers = side, []
        self.list = choice("photograph", list(self._photos), start)
        self.upload = w.FileUpload(
            description="Your own photograph",
            multiple=False,
            layout=w.Layout(width="auto", align_self="flex-start"),
        )
        self.status = w.HTML("")
        self._busy = False
        super().__init__([self.list, self.upload, self.status])
        self.list.observe(lambda _: self._chosen(), names="value")
        self.upload.observe(lambda _: self._uploaded(), names="value")

    @property
    def value(self) -> np.ndarray:
        return self._photos[self.list.value]

    @property
    def name(self) -> str:
        return self.list.value

    def observe(self, handler, names=None, **options):
        if names == "value":
            self._handlers.append(handler)
        else:
            super().observe(handler, names=names, **options)

    def take(self, content: bytes) -> None:
        """Show a picture file's content, or say why it cannot be shown."""
        remark = None
        with showing_errors(self.status):
            image, remark = inside.photograph(content, self.side)
            self._photos[OWN] = image
            self._busy = True  # the list changes twice, the picture once
            try:
                if OWN not in self.list.options:
                    self.list.options = [*self.list.options, OWN]
                self.list.value = OWN
            finally:
                self._busy = False
            self._tell()
        if remark is not None:
            said = html.escape(f"Your own, its centre square. {remark}".strip())
            self.status.value = f"<span aria-live='polite'>{said}</span>"

    def _chosen(self) -> None:
        if not self._busy:
            self.status.value = ""
            self._tell()

    def _uploaded(self) -> None:
        for one in self.upload.value:
            self.take(bytes(one["content"]))
        if self.upload.value:
            self.upload.value = ()  # so that the same file can be taken again

    def _tell(self) -> None:
        for handler in self._handlers:
            handler(None)


def layers_of(subject) -> list[str]:
    """Return the layers of a network whose output is a number or a map each."""
    from cnnlab import attribution

    blank = np.zeros((1, 3, subject.side, subject.side), np.uint8)
    found = attribution.activations(subject.net, subject.ready(blank))
    return [name for name, value in found.items() if value.ndim in (2, 4)]


def _photo(content: bytes, side: int) -> np.ndarray:
    """Return a photograph's bytes as uint8 (1, 3, side, side)."""
    return np.frombuffer(content, np.uint8).reshape(1, 3, side, side).copy()


def layer_browser(subject, start: str = "chelsea", layer: str | None = None):
    """Return controls for a photograph, a layer and one of its maps."""
    from cnnlab import attribution

    names = layers_of(subject)
    picker = PhotoPicker(subject.side, start)

    @functools.lru_cache(maxsize=2)
    def seen(content: bytes):
        photo = _photo(content, subject.side)
        found = attribution.activations(subject.net, subject.ready(photo), names)
        found = {name: value[0].float().numpy() for name, value in found.items()}
        return found, subject.shares(photo)[0]

    def render(photo, layer, which):
        found, shares = seen(photo.tobytes())
        maps = found[layer]
        chosen = which % len(maps)  # a layer may have fewer than the one before
        return p.layer_board(photo, maps, layer, chosen, shares, subject.classes)

    blank = np.zeros((3, subject.side, subject.side), np.uint8)
    first = layer if layer in names else names[0]
    most = max(len(value) for value in seen(blank.tobytes())[0].values())
    controls = {
        "photo": picker,
        "layer": choice("layer", names, first),
        "which": number("map", 0, 0, most - 1),
    }
    made = Explorer(render, controls)

    def bound(_=None):
        count = len(seen(picker.value.tobytes())[0][controls["layer"].value])
        for one in (controls["which"].slider, controls["which"].box):
            one.max = count - 1

    controls["layer"].observe(bound, names="value")
    bound()
    return made


def blame_explorer(subject, layer: str, start: str = "flower", saliency=inside.saliency,
                   occlusion_map=inside.occlusion_map, grad_cam=inside.grad_cam,
                   window: int = 14, stride: int = 7):  # fmt: skip
    """Return three maps of one photograph, while layers forget from the top.

    Parameters
    ----------
    layer : whose maps Grad-CAM weighs
    saliency, occlusion_map, grad_cam : such as a learner's own
    window, stride : of the squares that cover
    """
    from cnnlab import attribution

    weighted = [m for m in subject.net.modules() if list(m.parameters(recurse=False))]
    forgetful = functools.lru_cache(maxsize=2)(
        lambda count: attribution.randomised(subject.net, count)
    )

    @functools.lru_cache(maxsize=64)
    def maps_of(content: bytes, target: int, count: int):
        photo = _photo(content, subject.side)
        found = inside.three_maps(
            forgetful(count), subject.ready(photo), target, layer, window, stride,
            saliency, occlusion_map, grad_cam,
        )  # fmt: skip
        return {name: one[0] for name, one in found.items()}

    def render(photo, answer, forgot):
        content = photo.tobytes()
        shares = subject.shares(photo[None])[0]
        order = np.argsort(-shares, kind="stable")
        chosen = int(order[min(RANKS.index(answer), len(order) - 1)])
        trained = maps_of(content, chosen, 0)
        found = maps_of(content, chosen, forgot)
        notes = {
            name: f"alike: {inside.rank_correlation(trained[name], one):.2f}"
            if np.ptp(one)
            else "empty"
            for name, one in found.items()
        }
        name = subject.classes[chosen]
        what = f"{forgot} of {len(weighted)} layers have" if forgot else "No layer has"
        head = f"{name} ({shares[chosen]:.0%}). {what} forgotten"
        size = next(iter(found.values())).shape
        top, left = ((photo.shape[1] - size[0]) // 2, (photo.shape[2] - size[1]) // 2)
        seen = photo[:, top : top + size[0], left : left + size[1]]
        return p.blame_board(seen, found, notes, head)

    return Explorer(
        render,
        {
            "photo": PhotoPicker(subject.side, start),
            "answer": choice("for its", list(RANKS)),
            "forgot": number(
                "layers that forget", 0, 0, len(weighted), continuous=False
            ),
        },
    )


# ------------------------------------------------------------------------- neighbours


class FeatureMap(Explorer):
    """Images as dots in a plane; what the mouse is over is shown, and chosen by click.

    Parameters
    ----------
    points : (N, 2)
    images, labels, names : uint8 (N, 3, S, S), their classes, and the classes' names
    near : name of a distance -> (N, k) numbers of the nearest others
    start : the number of the image that is chosen at first
    """

    def __init__(self, points, images, labels, names, near: dict, start: int = 0):
        labels = np.asarray(labels)

        def render(which):
            found = {name: list(rows[which]) for name, rows in near.items()}
            return p.cloud_board(points, images, labels, names, which, found)

        which = number("image", start, 0, len(images) - 1)
        super().__init__(render, {"which": which})
        self._add_hover(points, images, labels, names)

    def _add_hover(self, points, images, labels, names) -> None:
        """Lay a sheet of spots over the map; each shows its image while hovered."""
        spot_html = []
        for n, (x, y) in enumerate(spots(points)):
            side = "right" if x < CLOUD[0] / 2 else "left"
            up = "down" if y < CLOUD[1] / 2 else "up"
            title = html.escape(f"{n}: {names[labels[n]]}")
            spot_html.append(
                f"<span class='cnnlab-spot {side} {up}' style='left:"
                f"{100 * x / WIDTH:.2f}%;top:{100 * y / CLOUD[1]:.2f}%'>"
                f"<span><img alt='' src='{_address(images[n])}'><b>{title}</b></span>"
                "</span>"
            )
        rules = (
            ".cnnlab-spots{position:relative;width:100%;height:100%}"
            ".cnnlab-spot{position:absolute;width:14px;height:14px;"
            "margin:-7px 0 0 -7px}"
            ".cnnlab-spot>span{display:none;position:absolute;z-index:9;padding:4px;"
            "pointer-events:none;"
            "background:#fff;color:#000;border:1px solid #000;white-space:nowrap}"
            ".cnnlab-spot:hover>span{display:block}"
            ".cnnlab-spot.right>span{left:16px}.cnnlab-spot.left>span{right:16px}"
            ".cnnlab-spot.down>span{top:0}.cnnlab-spot.up>span{bottom:0}"
            ".cnnlab-spot img{display:block;width:96px;height:96px;"
            "image-rendering:pixelated}"
        )
        inner = "".join(spot_html)
        sheet = w.HTML(f"<style>{rules}</style><div class='cnnlab-spots'>{inner}</div>")
        sheet.layout = w.Layout(
            grid_area="1 / 1 / 2 / 2", margin="0", width="100%", height="100%",
            overflow="visible",
        )  # fmt: skip
        sheet.add_class("cnnlab-hover")
        self.image.layout.grid_area = "1 / 1 / 2 / 2"
        self.hover = sheet
        shown = self.both.children[1]
        board = w.GridBox(
            [self.image, sheet],
            layout=w.Layout(
                grid_template_columns=f"minmax(0, {WIDTH}px)", margin="0",
                max_width="100%", align_self="flex-start", overflow="visible",
            ),
        )  # fmt: skip
        shown.children = (self.status, board)


def feature_map(points, images, labels, names, near: dict, start=0) -> FeatureMap:
    """Return images as dots in a plane that can be hovered; see `FeatureMap`."""
    return FeatureMap(points, images, labels, names, near, start)


def _address(image) -> str:
    """Return an image as an address that holds it."""
    from PIL import Image

    buffer = io.BytesIO()
    pixels = np.ascontiguousarray(np.asarray(image).transpose(1, 2, 0))
    Image.fromarray(pixels).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{b64encode(buffer.getvalue()).decode()}"
