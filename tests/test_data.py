"""Data sets: what ``load`` returns, and the helpers around it."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cnnlab import data
from cnnlab.data import embedded, pictures, trees


def load_or_skip(name, split="train", **options):
    try:
        return data.load(name, split, **options)
    except data.DataError as fault:
        if "No data set" in str(fault) or "is not in" in str(fault):
            pytest.skip(f"{name} is not in a data root")
        raise


@pytest.fixture
def roots(tmp_path, monkeypatch):
    """An empty data root, the only one but for the course's own folder."""
    monkeypatch.setenv("CNNLAB_DATA", str(tmp_path / "root"))
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def write_tree(folder, sizes=((8, 8),) * 3, classes=("cat", "dog"), splits=("train",)):
    """Write a small tree of PNG images with different pixels."""
    rng = np.random.default_rng(0)
    for split in splits:
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for i, (height, width) in enumerate(sizes):
                pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{i}.png")
    return folder


# --- the record and the helpers -------------------------------------------------


def test_hold_out_cuts_every_class_and_loses_nothing():
    whole = data.load("digits")
    rest, held = whole.hold_out(0.25, seed=3)
    assert (rest.split, held.split) == ("train", "val")
    shares = np.bincount(held.labels) / np.bincount(whole.labels)
    assert np.abs(shares - 0.25).max() < 0.01
    together = np.concatenate([data.flatten(rest.images), data.flatten(held.images)])
    assert sorted(map(bytes, together)) == sorted(
        map(bytes, data.flatten(whole.images))
    )
    again = whole.hold_out(0.25, seed=3)[1]
    assert np.array_equal(held.images, again.images)
    assert not np.array_equal(held.images, whole.hold_out(0.25, seed=4)[1].images)


@pytest.mark.parametrize("fraction", [-0.1, 1.5, np.nan, "half"])
def test_hold_out_refuses_what_is_no_share(fraction):
    with pytest.raises((TypeError, ValueError), match="hold_out: fraction"):
        data.load("digits").hold_out(fraction)


def test_every_embedded_set_keeps_the_contract():
    for name in ("digits", "photos", "patches"):
        got = data.load(name)
        assert got.images.dtype == np.uint8 and got.images.ndim == 4
        assert got.labels.dtype == np.int64 and got.labels.shape == (len(got),)
        assert set(got.labels.tolist()) == set(range(len(got.classes)))
        assert got.name == name and got.source and got.licence


def test_scenes_pass_their_options_and_share_nothing_between_splits():
    train = data.load("scenes", "train", n=40, severity=0.3)
    test = data.load("scenes", "test", n=40, severity=0.3)
    assert train.images.shape == test.images.shape == (40, 3, 32, 32)
    assert train.classes == test.classes and len(train.classes) == 10
    seen = {image.tobytes() for image in train.images}
    assert not seen & {image.tobytes() for image in test.images}
    again = data.load("scenes", "train", n=40, severity=0.3)
    assert (again.images == train.images).all()


def test_digits_are_scikit_learns_digits_on_a_scale_to_255():
    from sklearn.datasets import load_digits

    ours, theirs = data.load("digits", "all"), load_digits()
    assert (ours.labels == theirs.target).all()
    wanted = np.floor(theirs.images * 255 / 16 + 0.5)  # 16 -> 255, 8 -> 128
    assert (ours.images[:, 0] == wanted).all()
    assert ours.images.min() == 0 and ours.images.max() == 255


def test_digits_train_and_test_are_all_digits_once_and_stratified():
    train, test = data.load("digits"), data.load("digits", "test")
    everything = data.load("digits", "all")
    both = np.concatenate([train.images, test.images])
    assert sorted(x.tobytes() for x in both) == sorted(
        x.tobytes() for x in everything.images
    )
    assert (len(train), len(test)) == (1438, 359)
    counts = np.bincount(everything.labels)
    assert np.abs(np.bincount(test.labels) - counts / 5).max() < 1
    other = data.load("digits", "test", seed=1)
    assert not np.array_equal(other.images, test.images)


def test_take_selects_by_integers_masks_slices_and_nothing():
    digits = data.load("digits", "test")
    assert (digits.take([3, 3, 0]).labels == digits.labels[[3, 3, 0]]).all()
    assert (digits.take(digits.labels == 7).labels == 7).all()
    assert len(digits.take(slice(10, 20))) == 10
    assert len(digits.take([])) == 0
    assert repr(digits.take([1])) == "digits/test: 1 images of 1 x 8 x 8, 10 classes"
    for wrong in ([0.5], [[1, 2]], 3):
        with pytest.raises(TypeError, match="take: indices needs one axis"):
            digits.take(wrong)
    with pytest.raises(ValueError, match="from 0 to 358; got values from 359 to 359"):
        digits.take([len(digits)])
    with pytest.raises(ValueError, match="one boolean for each of 359 images; got 2"):
        digits.take([True, False])


def test_dataset_refuses_arrays_that_do_not_belong_together():
    images = np.zeros((2, 1, 4, 4), np.uint8)
    with pytest.raises(ValueError, match="must be equal"):
        data.Dataset(images, np.zeros(3, np.int64), ("a",), "x", "train")
    with pytest.raises(ValueError, match="labels from 0 to 0"):
        data.Dataset(images, np.array([0, 1]), ("a",), "x", "train")
    with pytest.raises(ValueError, match="needs 4 axes"):
        data.Dataset(images[0], np.zeros(1, np.int64), ("a",), "x", "train")


def test_as_float_maps_0_51_255_to_0_fifth_1_and_leaves_its_input():
    images = np.array([[[[0, 51, 255]]]], np.uint8)
    got = data.as_float(images)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got.ravel(), [0, 0.2, 1], rtol=1e-7)
    assert images.ravel().tolist() == [0, 51, 255]
    with pytest.raises(TypeError, match="converted already"):
        data.as_float(got)


def test_flatten_keeps_row_order_and_dtype_also_for_no_images():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 2, 2)
    rows = data.flatten(images)
    assert rows.tolist() == [list(range(12)), list(range(12, 24))]
    assert rows.dtype == np.uint8
    assert data.flatten(images[:0]).shape == (0, 12)
    with pytest.raises(ValueError, match="Add a batch axis"):
        data.flatten(images[0])


@given(
    n=st.integers(0, 200),
    shares=st.lists(st.floats(0, 1), min_size=1, max_size=4),
    seed=st.integers(0, 5),
)
def test_split_parts_are_disjoint_and_sized_by_their_shares(n, shares, seed):
    shares = np.array(shares) / max(1, sum(shares))
    parts = data.split_indices(n, shares, seed)
    assert len(parts) == len(shares)
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)
    assert all(
        abs(len(part) - s * n) <= 1 for part, s in zip(parts, shares, strict=True)
    )
    if n:
        assert together.size == 0 or (together.min() >= 0 and together.max() < n)


@given(n=st.integers(0, 100), size=st.integers(1, 30), seed=st.none() | st.integers(0))
def test_batches_visit_every_index_once(n, size, seed):
    parts = list(data.batches(n, size, seed))
    assert all(len(part) == size for part in parts[:-1])
    visited = np.concatenate([np.zeros(0, int), *parts])
    if seed is None:
        assert visited.tolist() == list(range(n))
    assert sorted(visited.tolist()) == list(range(n))


def test_helpers_refuse_senseless_numbers():
    with pytest.raises(ValueError, match="batches: batch_size"):
        data.batches(5, 0)
    with pytest.raises(ValueError, match="sum to at most 1"):
        data.split_indices(5, (0.8, 0.4))
    with pytest.raises(ValueError, match="sum to at most 1"):
        data.split_indices(5, (float("nan"),))


# --- names, splits, options ------------------------------------------------------


def test_unknown_names_splits_and_options_say_what_there_is(roots):
    with pytest.raises(data.DataError, match=r"data unpack PATH/cifar10-jpg\.zip"):
        data.load("cifar10-jpg")
    with pytest.raises(ValueError, match="it has: all, train, test"):
        data.load("digits", "val")
    with pytest.raises(ValueError, match="it has: all, train"):
        data.load("photos", "test")
    with pytest.raises(ValueError, match="test_fraction must be from 0 to 1"):
        data.load("digits", test_fraction=20)
    with pytest.raises(TypeError, match="it takes: n, seed, severity"):
        data.load("scenes", sevrity=1)
    with pytest.raises(TypeError, match="mnist has no option 'size'"):
        data.load("mnist", size=3)
    with pytest.raises(ValueError, match="root=PATH"):
        data.load("folder")
    for wrong in ("", "a/b", "..", None, 3):
        with pytest.raises(ValueError, match="load: name must be"):
            data.load(wrong)


def test_a_missing_benchmark_names_the_command_that_fetches_it(roots):
    for name in ("mnist", "fashion-mnist", "cifar10"):
        with pytest.raises(data.DataError, match=f"python -m cnnlab data fetch {name}"):
            data.load(name, root=roots)


def test_a_missing_tree_whose_archive_is_there_names_the_archive(roots):
    (roots / "birds.tar.gz").write_bytes(b"")
    with pytest.raises(data.DataError, match=r"root/birds\.tar\.gz"):
        data.load("birds")


# --- photographs and patches ------------------------------------------------------


def test_photographs_come_whole_in_rgb_and_equal_scikit_images_own():
    from skimage import data as theirs

    assert (data.photo("chelsea") == theirs.chelsea().transpose(2, 0, 1)).all()
    camera = data.photo("camera")
    assert camera.shape == (3, 512, 512) and (camera == theirs.camera()).all()
    for name in data.photo_names():
        picture = data.photo(name)
        assert picture.dtype == np.uint8 and picture.shape[0] == 3
        assert min(picture.shape[1:]) >= 256
    with pytest.raises(ValueError, match="there are: astronaut"):
        data.photo("dog")


def test_every_photograph_has_a_credit_and_stands_in_the_readme():
    from cnnlab.course import paths

    readme = (paths.course_root() / "data" / "README.md").read_text(encoding="utf-8")
    for name, bundled in embedded.PHOTOS.items():
        assert bundled.licence in ("CC0", "public domain", "CC BY 2.0")
        assert data.photo_credit(name) == f"{name}: {bundled.credit}, {bundled.licence}"
        assert bundled.sha256 in readme and bundled.credit in readme
    assert embedded.DIGITS.sha256 in readme


def test_photos_are_centre_squares_of_one_size():
    got = data.load("photos", size=48)
    assert got.images.shape == (len(data.photo_names()), 3, 48, 48)
    assert got.classes == data.photo_names() and got.split == "all"
    # The centre square of 512 x 512 is the whole: the mean survives the resizing.
    whole = data.photo("astronaut").mean()
    assert abs(got.images[0].mean() - whole) < 1


@pytest.mark.parametrize("size", [16, 32])
def test_no_pixel_is_in_both_a_training_and_a_test_patch(size, monkeypatch):
    def numbered(name):  # each pixel carries its own number in 24 bits
        number = np.arange(300 * 451).reshape(300, 451)
        return np.stack([number >> 16, number >> 8, number]).astype(np.uint8)

    monkeypatch.setattr(embedded, "photo", numbered)
    seen = {}
    for split in ("train", "test"):
        # Two seeds: the areas must stay apart even if the seeds differ.
        sets = [data.load("patches", split, size=size, seed=s) for s in (0, 1)]
        digits = np.concatenate([s.images for s in sets]).astype(np.int64)
        seen[split] = set(
            (digits * [[[65536]], [[256]], [[1]]]).sum(1).ravel().tolist()
        )
    assert len(seen["train"]) > 2 * len(seen["test"]) > 1000
    assert not seen["train"] & seen["test"]


def test_patches_are_repeatable_balanced_and_structured():
    one, two = data.load("patches", per_class=7), data.load("patches", per_class=7)
    assert (one.images == two.images).all()
    assert np.bincount(one.labels).tolist() == [7] * len(one.classes)
    assert one.images.std(axis=(2, 3)).max(axis=1).min() >= 8
    with pytest.raises(ValueError, match="Ask for fewer or smaller ones"):
        data.load("patches", "test", size=200)


# --- trees -------------------------------------------------------------------------


def test_a_tree_is_found_by_name_with_sorted_classes(roots):
    write_tree(roots / "pets", splits=("train", "test"))
    train = data.load("pets")
    assert repr(train) == "pets/train: 6 images of 3 x 8 x 8, 2 classes"
    assert (
        train.classes == ("cat", "dog") and train.labels.tolist() == [0] * 3 + [1] * 3
    )
    wanted = np.asarray(Image.open(roots / "pets" / "train" / "dog" / "1.png"))
    assert (train.images[4] == wanted.transpose(2, 0, 1)).all()
    assert not np.array_equal(train.images, data.load("pets", "test").images)
    assert data.load("folder", root=roots / "pets").name == "pets"


def test_labels_agree_between_splits_even_if_one_lacks_a_class(roots):
    write_tree(roots / "pets", splits=("train",), classes=("ant", "cat", "dog"))
    write_tree(roots / "pets", splits=("test",), classes=("cat", "dog"))
    test = data.load("pets", "test")
    assert test.classes == ("ant", "cat", "dog")
    assert set(test.labels.tolist()) == {1, 2}


def test_validation_stands_in_for_a_missing_test_folder(roots):
    write_tree(roots / "pets", splits=("train", "val"))
    assert data.load("pets", "test").split == "val"
    with pytest.raises(ValueError, match="it has: train, val"):
        data.load("pets", "extra")


def test_a_tree_without_split_folders_is_cut_by_class(tmp_path):
    write_tree(tmp_path / "mine", sizes=((8, 8),) * 10, splits=("",))
    parts = {
        s: data.load("folder", s, root=tmp_path / "mine") for s in ("train", "test")
    }
    assert np.bincount(parts["train"].labels).tolist() == [8, 8]
    assert np.bincount(parts["test"].labels).tolist() == [2, 2]
    everything = data.load("folder", "all", root=tmp_path / "mine")
    both = np.concatenate([parts["train"].images, parts["test"].images])
    assert {x.tobytes() for x in both} == {x.tobytes() for x in everything.images}


def test_a_class_called_train_is_not_taken_for_a_split(tmp_path):
    write_tree(tmp_path / "toys", splits=("",), classes=("plane", "train"))
    assert data.load("folder", "all", root=tmp_path / "toys").classes == (
        "plane",
        "train",
    )


def test_images_of_different_sizes_need_a_size(roots):
    write_tree(roots / "pets", sizes=((8, 8), (10, 20)))
    with pytest.raises(data.DataError, match=r"8 x 8, but 1\.png has 10 x 20.*size=64"):
        data.load("pets")
    assert data.load("pets", size=6).images.shape == (4, 3, 6, 6)
    with pytest.raises(ValueError, match="size must be a whole number"):
        data.load("pets", size=0)


def test_resizing_cuts_out_the_centre(tmp_path):
    pixels = np.zeros((10, 30, 3), np.uint8)
    pixels[:, 10:20] = 200  # exactly the centre square
    Image.fromarray(pixels).save(tmp_path / "x.png")
    assert (pictures.read(tmp_path / "x.png", 10) == 200).all()
    assert (pictures.read(tmp_path / "x.png", 5)[:, :, 1:-1] == 200).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "CMYK", "LA", "I;16"])
def test_every_colour_mode_becomes_rgb(tmp_path, mode):
    grey = np.full((6, 4), 255, np.uint8)
    if mode == "I;16":
        image = Image.fromarray(np.full((6, 4), 65535, np.uint16))
    else:
        image = Image.fromarray(grey).convert("RGB" if mode == "CMYK" else "L")
        image = image.convert(mode)
    path = tmp_path / ("x.tif" if mode in ("CMYK", "I;16") else "x.png")
    image.save(path)
    got = pictures.read(path)
    assert got.shape == (3, 6, 4) and (got == 255).all()


def test_a_turned_photograph_is_set_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn clockwise by a quarter
    Image.new("RGB", (20, 10)).save(tmp_path / "x.jpg", exif=exif)
    assert pictures.read(tmp_path / "x.jpg").shape == (3, 20, 10)


def test_words_txt_gives_folder_numbers_their_names(roots):
    write_tree(roots / "tiny", classes=("n1", "n2"))
    (roots / "tiny" / "words.txt").write_text("n1\tgoldfish, Carassius\nn2\tslug\n")
    assert data.load("tiny").classes == ("goldfish", "slug")
    (roots / "tiny" / "words.txt").write_text("n1\tcrane\nn2\tcrane\n")
    assert data.load("tiny").classes == ("n1", "n2")


def test_a_second_load_reads_the_cache_and_a_changed_tree_does_not(roots, monkeypatch):
    write_tree(roots / "pets")
    first = data.load("pets")
    calls = []
    decode = trees._decode
    monkeypatch.setattr(trees, "_decode", lambda *a: calls.append(1) or decode(*a))
    assert (data.load("pets").images == first.images).all() and not calls
    data.load("pets", size=4)
    assert len(calls) == 1  # another size is another cache
    Image.new("RGB", (8, 8)).save(roots / "pets" / "train" / "cat" / "0.png")
    assert (data.load("pets").images[0] == 0).all() and len(calls) == 2
    (roots / "pets" / "train" / "dog" / "2.png").unlink()
    assert len(data.load("pets")) == 5 and len(calls) == 3
    for store in (roots / ".cnnlab-cache").iterdir():
        store.write_bytes(store.read_bytes()[:-40])
    assert len(data.load("pets")) == 5 and len(calls) == 4  # damaged: decoded again


def test_a_cache_that_cannot_be_written_is_no_fault(roots, monkeypatch):
    write_tree(roots / "pets")

    def full(path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trees._base, "atomic_file", full)
    assert len(data.load("pets")) == 6


def test_per_class_takes_the_first_files_of_each_class(roots):
    write_tree(roots / "pets")
    some = data.load("pets", per_class=2)
    assert some.labels.tolist() == [0, 0, 1, 1]
    assert (some.images == data.load("pets").images[[0, 1, 3, 4]]).all()


def test_unreadable_images_are_named_or_skipped_with_a_warning(roots):
    tree = write_tree(roots / "pets")
    path = tree / "train" / "cat" / "1.png"
    path.write_bytes(path.read_bytes()[:60])  # cut off
    (tree / "train" / "dog" / "0.png").write_text("<html>")
    with pytest.raises(data.DataError, match=r"2 of 6 images.*1\.png.*unpack"):
        data.load("pets")
    with pytest.warns(UserWarning, match="2 of 6 images cannot be decoded"):
        got = data.load("pets", unreadable="skip")
    with pytest.warns(UserWarning, match="left out"):  # a second time too
        data.load("pets", unreadable="skip")
    assert got.labels.tolist() == [0, 0, 1, 1]
    with pytest.raises(ValueError, match="'raise' or 'skip'"):
        data.load("pets", unreadable="ignore")


def test_hidden_and_foreign_files_are_no_images(roots):
    tree = write_tree(roots / "pets")
    (tree / "train" / "cat" / "._0.png").write_bytes(b"mac")
    (tree / "train" / "cat" / "notes.txt").write_text("x")
    (tree / "train" / ".git").mkdir()
    assert len(data.load("pets")) == 6


def test_a_folder_without_images_says_what_was_expected(roots):
    (roots / "pets" / "train" / "cat").mkdir(parents=True)
    with pytest.raises(data.DataError, match=r"pets/CLASS/image\.jpg"):
        data.load("folder", root=roots / "pets")
    with pytest.raises(data.DataError, match="holds no images in class folders"):
        data.load("pets")


def test_a_tree_larger_than_the_memory_is_refused_before_it_is_decoded(
    roots, monkeypatch
):
    write_tree(roots / "pets")
    monkeypatch.setattr(os, "sysconf", lambda name: 30)  # 900 bytes of memory
    with pytest.raises(data.DataError, match="more than half of this computer"):
        data.load("pets", cache=False)


# --- real data, where it is there ----------------------------------------------------


def test_mnist_is_the_published_one():
    train, test = load_or_skip("mnist"), load_or_skip("mnist", "test")
    assert train.images.shape == (60000, 1, 28, 28) and len(test) == 10000
    assert train.labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]
    assert abs(train.images.mean() / 255 - 0.1307) < 5e-5  # the usual normalisation


@pytest.mark.slow
def test_mnist_equals_what_torchvision_reads():
    theirs = pytest.importorskip("torchvision.datasets")
    from cnnlab.course import paths

    ours = load_or_skip("mnist", "test")
    root = next(r for r in paths.data_roots() if (r / "MNIST" / "raw").is_dir())
    read = theirs.MNIST(root, train=False, download=False)
    assert (ours.images[:, 0] == read.data.numpy()).all()
    assert (ours.labels == read.targets.numpy()).all()


@pytest.mark.slow
def test_cifar10_photographs_are_complete_and_cached():
    train = load_or_skip("cifar10-jpeg")
    assert train.images.shape == (50000, 3, 32, 32)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert train.classes == data.benchmarks.BENCHMARKS["cifar10"].classes


@pytest.mark.slow
def test_addresses_and_checksums_are_torchvisions():
    theirs = pytest.importorskip("torchvision.datasets")
    table = data.benchmarks.BENCHMARKS
    for name, their in (
        ("mnist", theirs.MNIST),
        ("fashion-mnist", theirs.FashionMNIST),
    ):
        assert [(p.name, p.md5) for p in table[name].parts] == their.resources
        assert list(table[name].mirrors) == their.mirrors
    cifar, their = table["cifar10"], theirs.CIFAR10
    listed = [(p.name, p.md5) for p in cifar.parts]
    assert listed == [tuple(row) for row in their.train_list + their.test_list]
    packed = data.benchmarks.CIFAR_ARCHIVE
    assert cifar.mirrors[0] + packed.name == their.url
    assert (packed.name, packed.md5) == (their.filename, their.tgz_md5)
    assert cifar.folder == their.base_folder


def test_loading_pulls_in_no_heavy_library():
    code = (
        "import sys; from cnnlab import data\n"
        "data.load('digits'); data.load('photos'); data.load('scenes', n=2)\n"
        "data.load('patches', per_class=1)\n"
        "heavy = {'torch', 'sklearn', 'skimage', 'scipy', 'matplotlib', 'ipywidgets'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


def test_warnings_are_not_needed_to_load_the_embedded_sets():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("digits", "photos"):
            assert len(data.load(name)) > 0
