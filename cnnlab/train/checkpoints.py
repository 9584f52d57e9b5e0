"""Checkpoints that are whole or not there, and say so when they are damaged.

A checkpoint is what ``torch.save`` writes, a zip archive of tensors and plain values,
with the SHA-256 of all its bytes as the archive's comment. (The archive's own CRC-32
of every record is not enough: a flipped byte in its table of contents can make PyTorch
read the right record from the wrong place.) It is written beside its final name,
flushed to the disk, and renamed; a process killed at any moment leaves the earlier
ones as they were. Reading checks every byte, and never runs code (``weights_only``).
"""

import contextlib
import hashlib
import json
import os
import pickle
import re
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn

from cnnlab import shapes
from cnnlab.data._base import is_markup
from cnnlab.train import files
from cnnlab.train._errors import DiskFull, TrainError, read_fault, write_fault

FORMAT = 1  # raise it when older readers would misread a checkpoint
_MARK = "cnnlab-checkpoint"
_NAME = re.compile(r"checkpoint-(\d{8,})\.pt")
_SEAL = b"cnnlab sha256 "  # and 64 hexadecimal digits: the comment of the archive
_SEAL_BYTES = 2 + len(_SEAL) + 64  # with the comment's length before it
_PLAIN = (int, float, str, bool, type(None), bytes)


# ------------------------------------------------------------------ save and load


def save(folder, step: int, state: dict, keep: int = 2) -> Path:
    """Write ``state`` as ``folder/checkpoint-STEP.pt``, whole or not at all.

    Parameters
    ----------
    step : global step of the state; it orders checkpoints
    state : tensors and plain values (numbers, text, None) in dicts, lists and tuples
    keep : checkpoints that stay, this one and those before it; at least 1. One of a
        later step stays too: it was damaged, or a person put it there.

    Returns
    -------
    path of the new checkpoint

    Raises
    ------
    TrainError
        If the disk is full or read-only; the newest whole checkpoint is untouched.
        (Older ones are given up before that, where the disk is full.)
    TypeError
        If ``state`` holds something that could not be read back.
    """
    step = shapes.require_int(step, 0, "checkpoints.save", "step")
    keep = shapes.require_int(keep, 1, "checkpoints.save", "keep")
    if not isinstance(state, dict):
        raise TypeError(
            f"checkpoints.save: state needs a dict; got {shapes.spoken(state)}."
        )
    _require_plain(state, "state")
    folder = _as_folder(folder)
    path = folder / f"checkpoint-{step:08d}.pt"
    files.remove_partial(folder, "checkpoint-*")
    try:
        write(path, state)
    except DiskFull:
        if not _gave_up_older(folder):
            raise
        write(path, state)
    older = [p for s, p in found(folder) if s <= step]
    for path_of_old in older[keep:]:
        with contextlib.suppress(OSError):  # it costs space only
            path_of_old.unlink()
    return path


def write(path: Path, state: dict) -> None:
    """Write a file that ``load`` reads, whole or not at all; see ``save``."""
    with files.whole(path) as file:
        torch.save({_MARK: FORMAT, "state": state}, file)
        _seal(file)


def load(path) -> dict:
    """Return the state of one checkpoint, tensors on the CPU, every byte checked.

    Raises
    ------
    TrainError
        If the file is missing, cut off, altered, or not a checkpoint.
    """
    path = Path(path)
    try:
        with open(path, "rb", opener=files.regular) as file:
            _require_whole(file, path)
            file.seek(0)
            content = _unpickled(file, path)
    except OSError as error:
        raise read_fault(error, path) from None
    if not isinstance(content, dict) or _MARK not in content:
        raise TrainError(
            f"{path} is no checkpoint of cnnlab.train; it holds "
            f"{_contents(content)}. Checkpoints are named checkpoint-STEP.pt."
        )
    if content[_MARK] != FORMAT:
        raise TrainError(
            f"{path} has checkpoint format {shapes.spoken(content[_MARK])}; this "
            f"version of cnnlab reads format {FORMAT}."
        )
    return content["state"]


def found(folder) -> list[tuple[int, Path]]:
    """Return (step, path) of every checkpoint in ``folder``, the newest first."""
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return []
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    pairs = [(int(match[1]), Path(folder) / match[0]) for match in matches]
    return sorted(pairs, reverse=True)


def newest(folder) -> tuple[Path, dict] | None:
    """Return path and state of the newest checkpoint that is whole.

    A damaged one is passed over with a warning. None where there is no checkpoint.

    Raises
    ------
    TrainError
        If there are checkpoints and none can be read: starting anew is a decision
        for a person.
    """
    faults = []
    for _, path in found(folder):
        try:
            state = load(path)
        except TrainError as error:
            faults.append(str(error))
            continue
        for fault in faults:
            warnings.warn(f"{fault} Going on from {path.name}.", stacklevel=2)
        return path, state
    if faults:
        raise TrainError(
            f"No checkpoint in {folder} can be read. {' '.join(faults)} To start anew, "
            "name an empty folder."
        )
    return None


# --------------------------------------------------------------- networks and weights


def fill(net: nn.Module, tensors: dict, source: str = "the checkpoint") -> None:
    """Copy ``tensors`` into the parameters and buffers of ``net``, all or none.

    Raises
    ------
    TrainError
        If they are another network's; the text names the first that differs.
    """
    require_alike(net.state_dict(), tensors, source)
    net.load_state_dict(tensors)


def require_alike(own: dict, tensors: dict, source: str) -> None:
    """Raise unless ``tensors`` have the names and shapes of ``own``."""
    for name, tensor in own.items():
        if name not in tensors:
            raise TrainError(
                f"{source} is of another network: it has no {name} "
                f"{tuple(tensor.shape)}. Build the network it was made with."
            )
        if (
            not is_dense(tensors[name])
            or tensors[name].is_floating_point() != tensor.is_floating_point()
        ):
            raise TrainError(
                f"{source} is damaged: its {name} is no plain tensor of numbers."
            )
        if tensors[name].shape != tensor.shape:
            raise TrainError(
                f"{source} is of another network: its {name} has shape "
                f"{tuple(tensors[name].shape)}; this network needs "
                f"{tuple(tensor.shape)}. Build the network it was made with "
                "(classes, image size, variant)."
            )
    extra = [name for name in tensors if name not in own]
    if extra:
        raise TrainError(
            f"{source} is of another network: it has {extra[0]} "
            f"{tuple(getattr(tensors[extra[0]], 'shape', ()))}, which this network "
            "lacks."
        )


def is_dense(value) -> bool:
    """Whether a value is a tensor that can be copied into another."""
    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.device.type != "meta"
        and not value.is_quantized
        and not value.is_complex()
    )


def export(net: nn.Module, path, metadata: dict | None = None) -> Path:
    """Write the weights of ``net`` as a safetensors file, whole or not at all.

    Parameters
    ----------
    metadata : JSON-able values to keep beside the weights: name, options, error, ...

    Notes
    -----
    The file carries a SHA-256 of metadata, names, shapes and values; any program that
    reads safetensors can read the rest.
    """
    from safetensors.torch import save as to_bytes

    path = Path(path)
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in net.state_dict().items()
    }
    text = json.dumps(metadata or {}, sort_keys=True)
    head = {"cnnlab": text, "sha256": _digest(tensors, text)}
    _as_folder(path.parent)
    with files.whole(path) as file:
        file.write(_ordered(to_bytes(tensors, head)))
    return path


def import_weights(net: nn.Module, path) -> dict:
    """Copy the weights of a safetensors file into ``net`` and return its metadata.

    Raises
    ------
    TrainError
        If the file is missing, altered, no safetensors file, or another network's;
        ``net`` is then as before.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        os.close(files.regular(path, os.O_RDONLY))
    except OSError as error:
        raise read_fault(error, path) from None
    try:
        with safe_open(path, "pt", device="cpu") as file:
            head = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, RuntimeError, UnicodeDecodeError) as error:
        raise TrainError(
            f"{path} is damaged, or no safetensors file ({_first_line(error)})."
        ) from None
    if "cnnlab" in head or "sha256" in head:  # files of others carry no digest
        if head.get("sha256") != _digest(tensors, head.get("cnnlab", "")):
            raise TrainError(
                f"{path} is damaged: its content does not match its SHA-256. "
                "Export or copy it again."
            )
    try:
        metadata = json.loads(head.get("cnnlab", "{}"))
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise TrainError(
            f"{path} has metadata that cnnlab.train did not write. Export it again."
        )
    fill(net, tensors, str(path))
    return metadata


# ------------------------------------------------------------------------ how it works


def _as_folder(folder) -> Path:
    """Return ``folder`` as a path to a folder that exists."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_fault(error, folder / "checkpoint") from None
    return folder


def _gave_up_older(folder: Path) -> bool:
    """Remove checkpoints older than the newest whole one; return if there were any."""
    pairs = found(folder)
    for index, (_, path) in enumerate(pairs):
        with contextlib.suppress(TrainError):
            load(path)
            for _, older in pairs[index + 1 :]:
                older.unlink(missing_ok=True)
            return index + 1 < len(pairs)
    return False


def _ordered(content: bytes) -> bytes:
    """Return a safetensors file with its metadata in order: equal weights, equal bytes.

    The library writes them in another order every time.
    """
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def _require_plain(value, name: str) -> None:
    """Raise unless ``weights_only`` would read ``value`` back."""
    if type(value) in (dict, OrderedDict):
        for key, part in value.items():
            if type(key) not in (str, int):
                raise TypeError(
                    f"checkpoints.save: the keys of {name} must be text or whole "
                    f"numbers; got {shapes.spoken(key)}."
                )
            _require_plain(part, f"{name}[{key!r}]")
    elif type(value) in (list, tuple, torch.Size):
        for index, part in enumerate(value):
            _require_plain(part, f"{name}[{index}]")
    elif not isinstance(value, torch.Tensor) and type(value) not in _PLAIN:
        raise TypeError(
            f"checkpoints.save: {name} needs a tensor or a plain value; got a "
            f"{type(value).__name__}. Convert it: float(...), str(...) or "
            "torch.as_tensor(...)."
        )


def _seal(out: files.Recorder) -> None:
    """Make the SHA-256 of the archive its comment; an archive ends with its length."""
    comment = _SEAL + out.digest.hexdigest().encode()
    out.file.seek(-2, os.SEEK_END)
    out.write(len(comment).to_bytes(2, "little") + comment)


def _require_whole(file, path: Path) -> None:
    """Raise unless the file ends with the SHA-256 of the bytes before it."""
    size = file.seek(0, os.SEEK_END)
    length = (_SEAL_BYTES - 2).to_bytes(2, "little")
    file.seek(max(0, size - _SEAL_BYTES))
    seal = file.read()
    if not seal.startswith(length + _SEAL):
        file.seek(0)
        raise TrainError(f"{path} {_diagnosis(file)}")
    digest, left = hashlib.sha256(), size - _SEAL_BYTES
    file.seek(0)
    while left > 0:
        block = file.read(min(left, 1 << 20))
        left -= len(block) or left
        digest.update(block)
    digest.update(b"\0\0")  # the comment's length before there was one
    if seal[len(length + _SEAL) :] != digest.hexdigest().encode():
        raise TrainError(f"{path} is damaged: its content does not match its SHA-256.")


def _diagnosis(file) -> str:
    """Say what a file is that carries no SHA-256, from its first bytes."""
    head = file.read(512)
    if not head:
        return "is empty: 0 bytes."
    if zipfile.is_zipfile(file):
        return "has no SHA-256: its end is damaged, or cnnlab.train did not write it."
    if head.startswith(b"PK"):
        return "is cut off: its end is missing."
    if is_markup(head):
        return "is a web page or XML, not a checkpoint. Was it saved from a browser?"
    if head.startswith(b"\x80"):
        return "is a bare pickle; reading it could run code, so it is not opened."
    return "is no checkpoint: it does not begin like one."


def _unpickled(file, path: Path):
    """Return the content of a ``torch.save`` file; code in it is refused."""
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise TrainError(
            f"{path} holds more than tensors and plain values; reading it could run "
            "code, so it is refused."
        ) from None
    except Exception as error:
        raise TrainError(
            f"{path} cannot be read by PyTorch ({_first_line(error)})."
        ) from None


def _contents(content) -> str:
    if not isinstance(content, dict):
        return f"a {type(content).__name__}"
    names = ", ".join(str(key) for key in list(content)[:3])
    return f"a dict of {len(content)}: {names}{', ...' if len(content) > 3 else ''}"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:120]


def _digest(tensors: dict, text: str) -> str:
    """Return the SHA-256 of metadata, names, types, shapes and values."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
