"""What a network looked at: activations, and maps that blame pixels for a score.

Every function takes any ``nn.Module`` that turns images into scores, a batch
``x (N, C, H, W)`` as the network wants it (same device, same scale), and leaves the
network as it was: its mode, its gradients, its hooks.
"""

import contextlib
import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the layers of a network that hold no others, by name, in order.

    Examples
    --------
    >>> from cnnlab import nets
    >>> list(layers(nets.build("lenet5")))[:3]
    ['c1', 'tanh1', 's2']
    """
    _require_model(model, "layers")
    inner = {name: m for name, m in model.named_modules() if not any(m.children())}
    return {name: module for name, module in inner.items() if name}


def activations(
    model: nn.Module, x: Tensor, names: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """Return what layers put out for a batch, by name, in the order of running.

    Parameters
    ----------
    model : any network
    x : (N, C, H, W), or whatever the network takes
    names : which layers, as ``layers(model)`` names them; all of them by default

    Returns
    -------
    dict of tensors whose first axis is N. A layer that runs several times gives its
    last output, one that gives no tensor is left out. They are copies: a ReLU that
    works in place does not change the entry of the layer before it.

    Raises
    ------
    TypeError, ValueError
        For no network, no batch, or a name that the network lacks.
    """
    where = "activations"
    _require_model(model, where)
    _require_batch(model, x, where)
    wanted = [
        _layer(model, n, where)[0] for n in (layers(model) if names is None else names)
    ]
    seen: dict[str, Tensor] = {}

    def keep(name):
        def hook(module, inputs, output):
            if isinstance(output, Tensor):
                seen.pop(name, None)  # the order of the last run
                seen[name] = output.detach().clone()

        return hook

    with _evaluating(model), torch.no_grad(), contextlib.ExitStack() as hooks:
        for name in wanted:
            handle = model.get_submodule(name).register_forward_hook(keep(name))
            hooks.callback(handle.remove)
        model(x)
    return seen


def input_gradient(model: nn.Module, x: Tensor, target=None) -> Tensor:
    """Return by how much the score of a class rises with each input value.

    Parameters
    ----------
    model : gives scores (N, K)
    x : (N, C, H, W)
    target : the class, or one for each image; the one of the highest score by default

    Returns
    -------
    (N, C, H, W), signed; the gradient of score ``target`` of each image
    """
    where = "input_gradient"
    _require_model(model, where)
    _require_batch(model, x, where)
    with _evaluating(model), torch.enable_grad():
        x = x.detach().clone().requires_grad_()
        scores = _scores(model, x, where)
        chosen = _chosen(scores, target, where).sum()
        return torch.autograd.grad(chosen, x)[0]


def saliency(model: nn.Module, x: Tensor, target=None) -> Tensor:
    """Return how much each pixel could change the score: the largest |gradient|.

    Simonyan, Vedaldi and Zisserman 2013, section 3: the absolute gradient of the class
    score, the maximum over the colour channels. Parameters as `input_gradient`.

    Returns
    -------
    (N, H, W), not negative
    """
    return input_gradient(model, x, target).abs().amax(dim=1)


def occlusion(
    model: nn.Module,
    x: Tensor,
    target=None,
    window: int = 8,
    stride: int = 4,
    fill: float = 0.0,
    batch: int = 64,
) -> Tensor:
    """Return by how much the score falls where a square is covered.

    Zeiler and Fergus 2014, section 4.2. A pixel that several squares cover gets the
    mean of their falls. Squares start every ``stride`` pixels; the last ones are cut
    off at the border, so that every pixel is covered.

    Parameters
    ----------
    model, x, target : as `input_gradient`
    window, stride : pixels; a stride of at most ``window``
    fill : the value put there, 0 for the grey of a mean-subtracted image
    batch : how many covered images run at once; bounds the memory

    Returns
    -------
    (N, H, W); positive where covering lowers the score
    """
    where = "occlusion"
    _require_model(model, where)
    _require_batch(model, x, where)
    if x.ndim != 4:
        raise ValueError(_axes(where, x))
    height, width = x.shape[2:]
    for name, value, most in (
        ("window", window, min(height, width)),
        ("stride", stride, window),
        ("batch", batch, None),
    ):
        _require_count(value, most, where, name)
    tops, lefts = _starts(height, window, stride), _starts(width, window, stride)
    places = [(top, left) for top in tops for left in lefts]
    # Images times places, cut into pieces that fit into one batch.
    precise = torch.float64 if x.dtype == torch.float64 else torch.float32
    falls = x.new_zeros((len(x), len(places)), dtype=precise)
    with _evaluating(model), torch.no_grad():
        scores = _scores(model, x, where)
        classes = _classes(scores, target, where)
        whole = scores.gather(1, classes[:, None])[:, 0].to(precise)
        for image in range(len(x)):
            for start in range(0, len(places), batch):
                part = places[start : start + batch]
                covered = x[image].repeat(len(part), 1, 1, 1)
                for one, (top, left) in zip(covered, part, strict=True):
                    one[:, top : top + window, left : left + window] = fill
                now = model(covered)[:, classes[image]].to(precise)
                falls[image, start : start + len(part)] = whole[image] - now
    total = x.new_zeros((len(x), height, width), dtype=precise)
    count = torch.zeros_like(total[0])
    for place, (top, left) in enumerate(places):
        square = (slice(top, top + window), slice(left, left + window))
        total[(slice(None), *square)] += falls[:, place, None, None]
        count[square] += 1
    return total / count


def grad_cam(
    model: nn.Module, x: Tensor, layer: str, target=None, size="input"
) -> Tensor:
    """Return where the maps of a layer speak for a class.

    Selvaraju et al. 2017, equations 1 and 2: each map is weighted with the mean of its
    gradient, the weighted maps are added up, and what is negative is cut off.

    Parameters
    ----------
    model, x, target : as `input_gradient`
    layer : name of a layer whose output is (N, F, h, w), as ``layers`` names it
    size : ``"input"`` to enlarge to (H, W), bilinearly; None to leave (h, w)

    Returns
    -------
    (N, H, W) or (N, h, w), not negative
    """
    where = "grad_cam"
    _require_model(model, where)
    _require_batch(model, x, where)
    if size not in ("input", None):
        raise ValueError(f'{where}: size must be "input" or None, got {size!r}.')
    layer, module = _layer(model, layer, where)
    kept: list[Tensor] = []

    def hook(module, inputs, output):
        if not isinstance(output, Tensor) or output.ndim != 4:
            return None  # said below
        kept[:] = [output]
        return output.clone()  # a ReLU in place changes the copy, not the maps

    with _evaluating(model), torch.enable_grad():
        handle = module.register_forward_hook(hook)
        try:
            scores = _scores(model, x.detach().clone().requires_grad_(), where)
        finally:
            handle.remove()
        if not kept:
            raise ValueError(
                f"{where}: layer {layer!r} gives no maps (N, F, h, w) in a run of this "
                f"network. Take a convolution, or what follows it directly."
            )
        [maps] = kept
        chosen = _chosen(scores, target, where).sum()
        [slope] = torch.autograd.grad(chosen, maps, allow_unused=True)
        slope = torch.zeros_like(maps) if slope is None else slope
    weights = slope.mean(dim=(2, 3), keepdim=True)
    seen = (weights * maps.detach()).sum(dim=1).relu()
    if size is None:
        return seen
    big = F.interpolate(
        seen[:, None], x.shape[2:], mode="bilinear", align_corners=False
    )
    return big[:, 0]


def features(model: nn.Module, x: Tensor, layer: str, batch: int = 256) -> Tensor:
    """Return what a layer says about each image, as one vector (N, D) an image."""
    where = "features"
    _require_model(model, where)
    _require_batch(model, x, where)
    _require_count(batch, None, where, "batch")
    name, _ = _layer(model, layer, where)
    parts = []
    for piece in x.split(batch):
        found = activations(model, piece, [name])
        if name not in found:
            raise ValueError(f"{where}: layer {name!r} gave no tensor in this run.")
        parts.append(found[name].flatten(1))
    return torch.cat(parts)


def feature_neighbours(
    queries: Tensor, bank: Tensor, k: int = 5
) -> tuple[Tensor, Tensor]:
    """Return the ``k`` nearest vectors of a bank, nearest first, by L2 distance.

    Krizhevsky, Sutskever and Hinton 2012, section 6.1, with the last 4096 numbers of
    the network; `features` gives such vectors, ``x.flatten(1)`` those of the pixels.

    Parameters
    ----------
    queries : (Q, D)
    bank : (N, D)
    k : at most N

    Returns
    -------
    indices : (Q, k), into the bank; of equal distances the first comes first
    distances : (Q, k)
    """
    where = "feature_neighbours"
    for name, value in (("queries", queries), ("bank", bank)):
        if not isinstance(value, Tensor) or value.ndim != 2 or not len(value):
            raise ValueError(
                f"{where}: {name} must be a tensor (N, D) with at least one row, got "
                f"{_told(value)}. Flatten images first: x.flatten(1)."
            )
    if queries.shape[1] != bank.shape[1]:
        raise ValueError(
            f"{where}: queries have {queries.shape[1]} numbers each, the bank "
            f"{bank.shape[1]}. Take both from the same layer."
        )
    _require_count(k, len(bank), where, "k")
    exact = "donot_use_mm_for_euclid_dist"  # products lose small distances
    distances = torch.cdist(queries.double(), bank.double(), compute_mode=exact)
    ordered, index = distances.sort(dim=1, stable=True)
    return index[:, :k], ordered[:, :k]


def randomised(model: nn.Module, count: int, seed: int = 0) -> nn.Module:
    """Return a copy whose last ``count`` layers with weights hold chance instead.

    The sanity test of Adebayo et al. 2018: a map that does not change when the
    network forgets what it learned shows the image, not the network. Values of each
    tensor are shuffled, so that their size stays as it was.

    Parameters
    ----------
    model : any network
    count : layers from the output; 0 for none, at most all that have weights
    """
    where = "randomised"
    _require_model(model, where)
    changed = copy.deepcopy(model)
    weighted = [m for m in changed.modules() if list(m.parameters(recurse=False))]
    if (
        isinstance(count, bool)
        or not isinstance(count, int)
        or not (0 <= count <= len(weighted))
    ):
        raise ValueError(
            f"{where}: count must be an integer from 0 to {len(weighted)} (the layers "
            f"with weights), got {count!r}."
        )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in weighted[len(weighted) - count :]:
            for value in module.parameters(recurse=False):
                order = torch.randperm(value.numel(), generator=generator)
                value.copy_(value.flatten()[order.to(value.device)].view_as(value))
    return changed


# ------------------------------------------------------------------------ inside


@contextlib.contextmanager
def _evaluating(model: nn.Module):
    """Switch dropout and batch statistics off; put every layer's mode back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _scores(model: nn.Module, x: Tensor, where: str) -> Tensor:
    scores = model(x)
    if not isinstance(scores, Tensor) or scores.ndim != 2 or len(scores) != len(x):
        raise ValueError(
            f"{where}: the network must give scores (N, K), here ({len(x)}, K); it "
            f"gave {_told(scores)}."
        )
    return scores


def _classes(scores: Tensor, target, where: str) -> Tensor:
    """Return the class of each image (N,), from what the caller named."""
    n, k = scores.shape
    if target is None:
        return scores.argmax(dim=1)
    classes = torch.as_tensor(target, device=scores.device)
    whole = not (classes.is_floating_point() or classes.is_complex())
    if (
        not whole
        or classes.dtype == torch.bool
        or tuple(classes.shape) not in ((), (n,))
    ):
        raise ValueError(
            f"{where}: target must be a class, or {n} of them (one an image), got "
            f"{target!r}."
        )
    if classes.numel() and (classes.min() < 0 or classes.max() >= k):
        raise ValueError(
            f"{where}: target must lie in [0, {k}), got {target!r}: the network has "
            f"{k} classes."
        )
    return classes.long().expand(n)


def _chosen(scores: Tensor, target, where: str) -> Tensor:
    classes = _classes(scores, target, where)
    return scores.gather(1, classes[:, None])[:, 0]


def _starts(length: int, window: int, stride: int) -> list[int]:
    """Return where squares begin along an axis: the last one reaches the border."""
    count = -(-(length - window) // stride) + 1  # rounded up
    return [stride * i for i in range(count)]


def _layer(model: nn.Module, name, where: str) -> tuple[str, nn.Module]:
    known = dict(model.named_modules())
    if not isinstance(name, str) or not name or name not in known:
        some = ", ".join(layers(model))
        raise ValueError(f"{where}: no layer {name!r}; the network has {some}.")
    return name, known[name]


def _require_model(model, where: str) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"{where}: model must be a torch.nn.Module, got {type(model).__name__}."
        )


def _require_batch(model: nn.Module, x, where: str) -> None:
    """Refuse what no network takes; what this one takes it says itself."""
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{where}: x must be a tensor (N, C, H, W), got {type(x).__name__}. "
            f"Use torch.as_tensor, and one axis more for a single image: x[None]."
        )
    if x.ndim < 2 or not len(x):
        raise ValueError(_axes(where, x))
    if not x.is_floating_point():
        raise TypeError(
            f"{where}: x must hold floating-point values, got {x.dtype}. Scale it as "
            f"the network wants it, for example x.float() / 255."
        )
    if not torch.isfinite(x).all():
        raise ValueError(f"{where}: x holds NaN or infinity.")
    here = next((p.device for p in model.parameters()), x.device)
    if here != x.device:
        raise ValueError(
            f"{where}: x is on {x.device}, the network on {here}. Move one of them: "
            f"x.to({str(here)!r})."
        )


def _require_count(value, most: int | None, where: str, name: str) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < 1 or (most is not None and value > most):
        upper = "at least 1" if most is None else f"from 1 to {most}"
        raise ValueError(f"{where}: {name} must be an integer {upper}, got {value!r}.")


def _axes(where: str, x: Tensor) -> str:
    return (
        f"{where}: x must have the axes (N, C, H, W) and at least one image, got shape "
        f"{tuple(x.shape)}. One image gets its batch axis by x[None]."
    )


def _told(value) -> str:
    if isinstance(value, Tensor):
        return f"shape {tuple(value.shape)}"
    return type(value).__name__
