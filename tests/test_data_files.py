"""Data at a path: .npz, class folders, zips of them; what is refused, with nothing left behind."""

import io
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image

import pruning
from tests.small_data import arrays, write_folders, write_npz


def test_an_npz_comes_back_as_it_was_written(tmp_path):
    data = pruning.load_data(write_npz(tmp_path / "mine.npz", train=10))
    given = arrays(train=10)
    assert np.array_equal(data.test.images, given["x_test"]) and np.array_equal(
        data.test.labels, given["y_test"]
    )
    assert len(data.train) + len(data.holdout) == 100 and data.classes == tuple("0123456789")


def test_pictures_of_other_shapes_become_alike_and_it_is_said(tmp_path):
    given = arrays(train=10)
    side = given["x_train"].shape[1]
    given["x_train"] = np.repeat(given["x_train"], 2, axis=2)
    given["x_test"] = given["x_test"].repeat(2, axis=1).repeat(2, axis=2)
    np.savez(tmp_path / "wide.npz", **given)
    data = pruning.load_data(tmp_path / "wide.npz")
    assert data.train.images.shape[1:3] == data.test.images.shape[1:3] == (side, side)
    shapes = f"{side} x {2 * side} and {2 * side} x {2 * side}"
    assert data.messages == (f"wide.npz has pictures of {shapes} pixels, scaled and cut to {side} x {side}",)
    assert not pruning.load_data(tmp_path / "wide.npz", size=side).messages


def test_a_changed_file_is_read_again(tmp_path):
    first = pruning.load_data(write_npz(tmp_path / "mine.npz", train=10))
    assert pruning.load_data(tmp_path / "mine.npz") is first
    assert len(pruning.load_data(write_npz(tmp_path / "mine.npz", train=8)).train) == 70


def without(name):
    return lambda made: made.pop(name)


NOT_NPZ = {
    "lacks x_test": without("x_test"),
    "uint8": lambda made: made.update(x_train=made["x_train"].astype(np.float32)),
    r"\[N, height, width, 3\]": lambda made: made.update(x_train=made["x_train"][..., 0]),
    "whole numbers": lambda made: made.update(y_train=made["y_train"] + 0.5),
    "one per image": lambda made: made.update(y_test=made["y_test"][1:]),
    "count the classes from 0": lambda made: made.update(y_test=made["y_test"] - 1),
    "pickled objects": lambda made: made.update(y_test=made["y_test"].astype(object)),
    "class '9'.* has 0": lambda made: made.update(y_train=made["y_train"].clip(max=8)),
    "one class": lambda made: made.update(y_train=made["y_train"] * 0, y_test=made["y_test"] * 0),
    "texts, one a class": lambda made: made.update(classes=np.array(["a", "b"])),
}


@pytest.mark.parametrize("message", NOT_NPZ)
def test_an_npz_of_another_kind_is_refused_in_a_sentence(message, tmp_path):
    made = arrays()
    NOT_NPZ[message](made)
    np.savez(tmp_path / "bad.npz", **made)
    with pytest.raises(ValueError, match=message) as refused:
        pruning.load_data(tmp_path / "bad.npz")
    assert "bad.npz" in str(refused.value) and len(str(refused.value).splitlines()) == 1


def test_an_array_that_declares_more_than_it_holds_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (10**12, 32, 32, 3)}
    )
    write_npz(tmp_path / "bad.npz")
    with zipfile.ZipFile(tmp_path / "bad.npz") as good, zipfile.ZipFile(tmp_path / "bomb.npz", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, header.getvalue() if name == "x_train.npy" else good.read(name))
    with pytest.raises(ValueError, match="another size than it has"):
        pruning.load_data(tmp_path / "bomb.npz")


@pytest.mark.parametrize("name", ["bytes.npz", "bytes.zip"])
def test_random_bytes_are_no_data(name, tmp_path):
    (tmp_path / name).write_bytes(np.random.default_rng(0).bytes(3000))
    with pytest.raises(ValueError, match=f"{name} is no whole"):
        pruning.load_data(tmp_path / name)


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'digits'"):
        pruning.load_data("digit")
    with pytest.raises(ValueError, match="no file or folder"):
        pruning.load_data(tmp_path / "nowhere.npz")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(ValueError, match="class folders, images/ and masks/, a .zip of them, or an .npz"):
        pruning.load_data(tmp_path / "notes.txt")


# ------------------------------------------------------------------------------------- class folders, zips


def test_class_folders_keep_their_parts(tmp_path):
    data = pruning.load_data(write_folders(tmp_path / "set"))
    assert data.classes == ("digit 0", "digit 1", "digit 2") and data.size == 32
    assert (len(data.train) + len(data.holdout), len(data.test)) == (18, 9)
    expected = arrays(classes=3)
    assert np.array_equal(np.sort(data.test.images.ravel()), np.sort(expected["x_test"].ravel()))


def test_a_folder_beside_train_and_test_is_told(tmp_path):
    folder = write_folders(tmp_path / "set")
    (folder / "val" / "digit 0").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(folder / "val" / "digit 0" / "x.png")
    data = pruning.load_data(folder)
    assert data.messages == ("beside train and test, val of set is not used",) and len(data.test) == 9


def test_class_folders_in_one_part_are_split_by_the_seed(tmp_path):
    folder = write_folders(tmp_path / "set", parts=False)
    first, again, other = (pruning.load_data(folder, seed=seed) for seed in (1, 1, 2))
    assert len(first.test) == 6 and np.bincount(first.test.labels).tolist() == [2, 2, 2]  # 20 % of 9 a class
    assert first is again and not np.array_equal(first.test.images, other.test.images)


def test_images_are_resized_and_cropped_to_the_size_asked_for(tmp_path):
    folder = write_folders(tmp_path / "set", side=48)
    assert pruning.load_data(folder).size == 48
    assert pruning.load_data(folder, size=20).test.images.shape[1:] == (20, 20, 3)
    Image.fromarray(np.zeros((30, 90, 3), np.uint8)).save(folder / "test" / "digit 0" / "wide.png")
    assert pruning.load_data(folder).size == 224  # sizes differ and nothing was asked for
    assert pruning.load_data("digits", size=16).test.images.shape[1:] == (16, 16, 3)


def zipped(folder, path, wrapper=""):
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.png")):
            archive.write(file, wrapper + file.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize("wrapper", ["", "my digits/"])
def test_a_zip_of_class_folders_is_the_same_as_the_folders(wrapper, tmp_path):
    folder = write_folders(tmp_path / "set")
    (folder / "train" / ".DS_Store").write_bytes(b"x")
    packed = pruning.load_data(zipped(folder, tmp_path / "set.zip", wrapper))
    assert packed.digest == pruning.load_data(folder).digest
    assert sorted(file.name for file in tmp_path.iterdir()) == ["set", "set.zip"]


def link(archive):
    entry = zipfile.ZipInfo("train/digit 0/link.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive.writestr(entry, "/etc/passwd")


BAD_ZIPS = {
    "leads out of it": lambda archive: archive.writestr("../digit 0/x.png", b"x"),
    "leads out": lambda archive: archive.writestr("/digit 0/x.png", b"x"),
    "a link": link,
    "train/digit 0/x.png is no image": lambda archive: archive.writestr("train/digit 0/x.png", b"no image"),
    "'digit 9' of .* has no training images": lambda archive: archive.mkdir("train/digit 9"),
    "no set of class folders: train/x.png": lambda archive: archive.writestr("train/x.png", b"x"),
    "larger than 64 MiB": lambda archive: archive.writestr(
        "train/digit 0/x.png", bytes(65 * 2**20), zipfile.ZIP_STORED
    ),
}


@pytest.mark.parametrize("message", BAD_ZIPS)
def test_a_zip_of_another_kind_is_refused_in_a_sentence(message, tmp_path):
    path = zipped(write_folders(tmp_path / "set"), tmp_path / "bad.zip")
    with zipfile.ZipFile(path, "a") as archive:
        BAD_ZIPS[message](archive)
    with pytest.raises(ValueError, match=message) as refused:
        pruning.load_data(path)
    assert len(str(refused.value).splitlines()) == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.zip", "set"]


def test_an_image_of_too_many_pixels_is_refused(tmp_path):
    folder = write_folders(tmp_path / "set")
    Image.new("1", (20_000, 20_000)).save(folder / "train" / "digit 0" / "bomb.png")
    with pytest.raises(ValueError, match="bomb.png"):
        pruning.load_data(folder)


def test_one_class_only_is_refused(tmp_path):
    folder = write_folders(tmp_path / "set", parts=False)
    with pytest.raises(ValueError, match="only one class"):
        pruning.load_data(zipped(folder / "digit 0", tmp_path / "one.zip", "digit 0/"))
