"""The one reader of picture files: right pixels, or one sentence why there are none."""

import io
import os
import struct
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from _packing import pack, picture, pillow, tree

from cnnlab import data, packed
from cnnlab.data import DataError, pictures
from cnnlab.packed import worker

Image = pytest.importorskip("PIL.Image")
RAMP = np.tile(np.linspace(0, 1, 24, dtype=np.float32), (16, 1))  # dark to bright
TURNS = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # orientation -> transpose


def saved(image, form: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def read(content: bytes, size=None, **options) -> np.ndarray:
    return pictures.decode(io.BytesIO(content), size, **options)


def turned(orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def tiff(pixels: bytes, width: int, bits: int, *, white=1, numbers=1) -> bytes:
    """Return an uncompressed grey TIFF of one row; 0 for ``white``: zero is white."""
    pixels += b"\0" * (len(pixels) % 2)
    tags = [(256, 4, width), (257, 4, 1), (258, 3, bits), (259, 3, 1), (262, 3, white),
            (273, 4, 8), (277, 3, 1), (278, 4, 1), (279, 4, len(pixels)),
            (339, 3, numbers)]  # fmt: skip
    head = b"II*\0" + struct.pack("<I", 8 + len(pixels)) + pixels
    rows = [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags]
    return head + struct.pack("<H", len(tags)) + b"".join(rows) + bytes(4)


# ------------------------------------------------------------------- what pixels mean


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.uint32, np.int16])
@pytest.mark.parametrize("scale", [1, 255, -40, 60000])
def test_numbers_without_a_stated_white_are_refused_and_never_guessed(dtype, scale):
    pixels = (RAMP * scale).astype(dtype)
    if dtype in (np.uint32, np.int16):  # Pillow does not write these
        bits, numbers = (32, 1) if dtype is np.uint32 else (16, 2)
        content = tiff(pixels[0].tobytes(), 24, bits, numbers=numbers)
    else:
        content = saved(Image.fromarray(pixels), "TIFF")
    with pytest.raises(pictures.Unreadable, match="which is white; save it with 8 or"):
        read(content)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_the_whole_range_and_are_turned_too(form):
    image = Image.fromarray((RAMP * 65535).astype(np.uint16))
    wanted = ((RAMP * 65535).astype(np.uint16) >> 8).astype(np.uint8)
    assert (read(saved(image, form)) == wanted[..., None]).all()
    if form != "PPM":
        found = read(saved(image, form, exif=turned(6)))
        assert (found[..., 0] == np.rot90(wanted, -1)).all()


def test_twelve_bits_white_at_zero_and_other_maxima_keep_their_meaning():
    assert read(tiff(bytes.fromhex("FFF000"), 2, 12))[0, :, 0].tolist() == [255, 0]
    row = np.array([0, 65535, 512], np.uint16).tobytes()
    assert read(tiff(row, 3, 16, white=0))[0, :, 0].tolist() == [255, 0, 253]
    assert read(tiff(b"\0\xff\x10", 3, 8, white=0))[0, :, 1].tolist() == [255, 0, 239]
    grey = read(b"P5 2 1 300\n" + struct.pack(">2H", 150, 300))
    assert grey[0, :, 0].tolist() == [128, 255]
    with pytest.raises(pictures.Unreadable):
        read(tiff(b"\x10\xf0", 2, 8, numbers=2))  # signed bytes


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "RGBA", "P", "1", "LA"])
@pytest.mark.parametrize("packing", [None, "tiff_lzw"])
def test_a_tiff_of_any_mode_is_upright_by_path_and_in_a_store(mode, packing, tmp_path):
    image = Image.fromarray((RAMP * 255).astype(np.uint8)).convert(mode)
    for orientation, turn in TURNS.items():
        file = tmp_path / f"{orientation}.tif"
        image.save(file, compression=packing, exif=turned(orientation))
        wanted = image.convert("RGB")
        wanted = wanted if turn is None else wanted.transpose(turn)
        assert (pictures.read(file).transpose(1, 2, 0) == np.asarray(wanted)).all()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("broken", ["kind", "place", "count"])
def test_a_broken_other_tag_loses_neither_picture_nor_orientation(form, broken):
    exif = turned(6)
    exif[0x0132], exif[0x011A] = "2012:10:01 00:00:00", 72.0
    content = saved(picture(1, 16, 24), form, exif=exif)
    for order in "<>":  # date and time become a number, or lie outside of the file
        old = struct.pack(f"{order}HHI", 0x0132, 2, 20)
        at = content.find(old)
        if at >= 0:
            new = {"kind": struct.pack(f"{order}HHI", 0x0132, 5, 20),
                   "place": old + b"\xff" * 4,
                   "count": struct.pack(f"{order}HHI", 0x0132, 2, 10**9)}  # fmt: skip
            content = content[:at] + new[broken] + content[at + len(new[broken]) :]
    content = _with_checksum(content) if form == "PNG" else content
    assert read(content).shape == (24, 16, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_no_damage_to_what_a_camera_notes_loses_the_picture(form):
    exif, rng = turned(6), np.random.default_rng(3)
    exif[0x010F], exif[0x0132], exif[0x011A] = "Maker" * 5, "2012:10:01", 72.0
    content = saved(picture(1, 16, 24), form, exif=exif)
    # In a TIFF, what decoding needs lies close before.
    start = content.find(b"Maker") - (0 if form == "TIFF" else 20)
    for _ in range(100):
        damaged = bytearray(content)
        for at in start + rng.integers(0, 44, 3):
            damaged[at] = rng.integers(256)
        if form == "PNG":
            damaged = _with_checksum(bytes(damaged))
        assert read(bytes(damaged), 8).shape == (8, 8, 3)


def _with_checksum(png: bytes) -> bytes:
    """Return a PNG with the right checksum of its EXIF data."""
    at = png.index(b"eXIf")
    end = at + 4 + int.from_bytes(png[at - 4 : at], "big")
    return png[:end] + struct.pack(">I", zlib.crc32(png[at:end])) + png[end + 4 :]


# --------------------------------------------------------- what is opened, and decoded


@pytest.mark.parametrize("form", ["EPS", "ICNS", "PCX", "TGA", "DDS", "ICO", "SGI"])
def test_other_formats_are_never_decoded_whatever_they_are_called(form, monkeypatch):
    content = saved(Image.new("RGB", (64, 64)), form)
    opened = []
    monkeypatch.setattr(Image, "OPEN", {**Image.OPEN})
    for name, (_, accept) in list(Image.OPEN.items()):
        if name not in pictures.FORMATS:
            Image.OPEN[name] = (lambda *a, n=name: opened.append(n), accept)
    with pytest.raises(pictures.Unreadable, match="PostScript|no image, or damaged"):
        read(content)
    assert not opened


@pytest.mark.parametrize(
    "error", [RuntimeError, NotImplementedError, struct.error, MemoryError, KeyError]
)
def test_whatever_a_decoder_raises_is_one_fault(error, monkeypatch, tmp_path):
    source = tree(tmp_path / "x", {"train/a": 2})

    def trips(image):
        raise error("odd")

    monkeypatch.setattr(pictures, "_loaded", trips)
    with pytest.raises(pictures.Unreadable, match="damaged"):
        read(saved(picture(1), "PNG"))
    with pytest.raises(DataError, match="None of the 2 images"):
        pack(source, tmp_path / "store")


def test_random_damage_is_a_picture_or_one_fault():
    rng = np.random.default_rng(0)
    for form in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM"):
        whole = saved(picture(2, 40, 40), form)
        for _ in range(60):
            content = bytearray(whole)
            for at in rng.integers(0, len(content), rng.integers(1, 9)):
                content[at] = rng.integers(256)
            try:
                assert read(bytes(content), 8).shape == (8, 8, 3)
            except pictures.Unreadable as fault:
                assert "\n" not in str(fault)


def test_memory_not_pixels_decides_what_is_too_large(monkeypatch):
    huge = saved(Image.new("L", (20000, 10000), 90), "JPEG")  # a telephone's
    assert (read(huge, 8) == 90).all()
    with monkeypatch.context() as patch:
        patch.setattr(Image, "MAX_IMAGE_PIXELS", 99)
        for form in pictures.FORMATS:
            assert read(saved(Image.new("L", (40, 40)), form)).shape == (40, 40, 3)
        assert Image.MAX_IMAGE_PIXELS == 99
    wide = saved(Image.new("P", (3000, 3000)), "PNG")
    assert read(wide, 8, memory=0.05).shape == (8, 8, 3)
    said = "3,000 x 3,000 pixels take 0.1 GB to decode.*--memory 0.1"
    decoded = []
    monkeypatch.setattr(pictures, "_loaded", decoded.append)
    with pytest.raises(pictures.Unreadable, match=said):
        read(wide, 8, memory=0.02)
    for mode, form in (("RGBA", "TIFF"), ("RGB", "PNG"), ("RGB", "WEBP")):
        with pytest.raises(pictures.Unreadable, match="pixels take"):
            read(saved(Image.new(mode, (2000, 2000)), form), 8, memory=0.01)
    assert not decoded


def test_long_texts_and_profiles_lose_no_picture():
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for n in range(3):
        info.add_text(f"t{n}", "x" * 1_200_000, zip=True)
        info.add_itxt(f"i{n}", "x" * 1_200_000, zip=True)
    red = Image.new("RGB", (9, 5), "red")
    content = saved(red, "PNG", pnginfo=info, icc_profile=bytes(1_500_000),
                    exif=turned(6))  # fmt: skip
    found = read(content)
    assert found.shape == (9, 5, 3) and (found == (255, 0, 0)).all()


def test_an_archive_that_lies_about_sizes_takes_no_memory(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train/a/p.png", saved(picture(1), "PNG"))
        archive.writestr("train/a/bomb.png", bytes(60 << 20))
    content = (tmp_path / "x.zip").read_bytes()
    content = content.replace(struct.pack("<I", 60 << 20), struct.pack("<I", 10))
    (tmp_path / "x.zip").write_bytes(content)
    report = pack(tmp_path / "x.zip", tmp_path / "store", memory=0.02)
    assert [file for _, file, _ in report.skipped] == ["train/a/bomb.png"]
    job = worker.Job("zip", tmp_path / "x.zip", "", tmp_path, 8, "crop", 0.02)
    info = job.members["train/a/bomb.png"]
    info.file_size = 60 << 20  # honest
    with pytest.raises(pictures.Unreadable, match="more than 20,000,000 bytes"):
        job.opened("train/a/bomb.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices")
def test_pipes_and_devices_are_no_sources(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    source = tree(tmp_path / "x", {"train/a": 1, "train/b": 1})
    (source / "train/a/endless.jpg").symlink_to("/dev/zero")
    for place in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(DataError, match="neither a folder nor a whole"):
            pack(place, tmp_path / "store")
        with pytest.raises(DataError, match="no file"):
            pack(tree(tmp_path / "y", {".": 1}), tmp_path / "store", labels=place)
        with pytest.raises(DataError, match="no file|damaged"):
            data.unpack(place, tmp_path)
    report = pack(source, tmp_path / "store")
    for name in ("words.txt", ".cnnlab-files.json"):
        os.mkfifo(source / name)
    with pytest.raises(DataError, match="words.txt cannot be read .no file"):
        pack(source, tmp_path / "other")
    ((_, _, reason),) = report.skipped
    assert "no file" in reason
    with pytest.warns(UserWarning, match="no file"):
        data.load("folder", root=source, size=8, unreadable="skip", cache=False)
    header = tmp_path / "store" / "store.json"
    header.unlink()
    os.mkfifo(header)
    with pytest.raises(DataError, match="no file"):
        packed.open(tmp_path / "store")


def test_data_load_and_packing_read_the_same_pixels(tmp_path):
    folder = tree(tmp_path / "x", {"train/a": 1, "train/b": 1}) / "train"
    deep = Image.fromarray((RAMP * 65535).astype(np.uint16))
    deep.save(folder / "a/deep.tif", exif=turned(8))
    Image.fromarray((RAMP * 255).astype(np.uint8)).save(
        folder / "b/flat.tif", exif=turned(5)
    )
    picture(3, 30, 40).convert("CMYK").save(folder / "b/ink.jpg", exif=turned(3))
    Image.fromarray(RAMP).save(folder / "b/zfloat.tif")
    report = pack(tmp_path / "x", tmp_path / "store")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        loaded = data.load("folder", root=tmp_path / "x", size=8, cache=False,
                           unreadable="skip")  # fmt: skip
    store = packed.open(tmp_path / "store")
    assert (store.images.transpose(0, 3, 1, 2) == loaded.images).all()
    ((_, file, reason),) = report.skipped
    assert "zfloat.tif" in file and reason in str(caught[0].message)
    assert pillow() is Image
