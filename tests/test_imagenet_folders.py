"""Class folders as ImageNet has them: train/ and val/, label maps, lists, the challenge's own tree."""

import itertools
import json
import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import pruning
from pruning.data import decoded_pictures
from tests.front_door import forked

WNIDS = ("n01440764", "n01443537", "n02012849", "n03126707", "n04548280")
NAMES = ("tench", "goldfish", "crane", "crane", "wall_clock")  # two of one name, as in ImageNet


def picture(path: Path, number: int, side: int = 12):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 256, (side, side + 3, 3), np.uint8)
    Image.fromarray(pixels).save(path.with_suffix(".png"))
    path.with_suffix(".png").rename(path)


def validation(number: int) -> str:
    return f"ILSVRC2012_val_{number:08d}"


def class_of(number: int) -> int:
    """Of a validation picture: not in the order of the pictures."""
    return (3 * number + 1) % len(WNIDS)


def as_folders(root: Path, train=(0, 1, 3), each: int = 4, tests: int = 10) -> Path:
    """train/ of some of the classes, val/ of all that its pictures are of."""
    for label in train:
        for row in range(each):
            picture(root / "train" / WNIDS[label] / f"{WNIDS[label]}_{row}.JPEG", 100 * label + row)
    for number in range(tests):
        picture(root / "val" / WNIDS[class_of(number)] / f"{validation(number)}.JPEG", 1000 + number)
    index = {str(k): [WNIDS[k], NAMES[k]] for k in range(len(WNIDS))}
    (root / "imagenet_class_index.json").write_text(json.dumps(index))
    return root


def as_challenge(root: Path, train=(0, 1, 3), each: int = 4, tests: int = 10) -> Path:
    """The same pictures as the challenge's archive has them."""
    top = root / "ILSVRC" / "Data" / "CLS-LOC"
    listed = []
    for label in train:
        for row in range(each):
            name = f"{WNIDS[label]}/{WNIDS[label]}_{row}"
            picture(top / "train" / f"{name}.JPEG", 100 * label + row)
            listed.append(name)
    for number in range(tests):
        picture(top / "val" / f"{validation(number)}.JPEG", 1000 + number)
        picture(top / "test" / f"ILSVRC2012_test_{number:08d}.JPEG", 2000 + number)
    lists = root / "ILSVRC" / "ImageSets" / "CLS-LOC"
    lists.mkdir(parents=True)
    (lists / "train_cls.txt").write_text("".join(f"{name} {k + 1}\n" for k, name in enumerate(listed)))
    (lists / "val.txt").write_text("".join(f"{validation(k)} {k + 1}\n" for k in range(tests)))
    words = [f"{wnid} {name.replace('_', ' ')}, other words" for wnid, name in zip(WNIDS, NAMES, strict=True)]
    (root / "LOC_synset_mapping.txt").write_text("\n".join(words) + "\n")
    rows = [f"{validation(k)},{WNIDS[class_of(k)]} 85 1 499 272 " for k in reversed(range(tests))]
    (root / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *rows]) + "\n")
    return root


def known(data) -> set[tuple[bytes, int]]:
    parts = (data.train, data.holdout)
    return {(i.tobytes(), int(k)) for part in parts for i, k in zip(part.images, part.labels, strict=True)}


def test_a_label_map_gives_a_folder_the_number_of_the_networks_output(tmp_path):
    data = pruning.load_data(as_folders(tmp_path / "imagenet"), size=12)
    assert data.classes == ("tench", "goldfish", "crane (n02012849)", "crane (n03126707)", "wall_clock")
    assert len(data.train) + len(data.holdout) == 12 and len(data.holdout) == 1
    assert {*data.train.labels, *data.holdout.labels} == {0, 1, 3}
    assert sorted(data.test.labels) == sorted(class_of(number) for number in range(10))
    assert data.messages == (
        "class numbers of imagenet are those of imagenet_class_index.json: 5",
        "the test part of imagenet is its val",
    )


def test_the_challenges_own_tree_is_the_same_data(tmp_path):
    folders = pruning.load_data(as_folders(tmp_path / "imagenet"), size=12)
    data = pruning.load_data(as_challenge(tmp_path / "challenge"), size=12)
    assert known(data) == known(folders)
    of = {image.tobytes(): int(k) for image, k in zip(data.test.images, data.test.labels, strict=True)}
    assert of == {i.tobytes(): int(k) for i, k in zip(folders.test.images, folders.test.labels, strict=True)}
    assert "beside train and val, test of challenge is not used" in data.messages


@pytest.mark.parametrize("labels", ["val.txt", "imagenet_2012_validation_synset_labels.txt"])
def test_flat_validation_pictures_get_their_class_from_a_list(labels, tmp_path):
    root = as_challenge(tmp_path / "challenge") / "ILSVRC" / "Data" / "CLS-LOC"
    with pytest.raises(ValueError, match="no set of class folders"):
        pruning.load_data(root, size=12)
    (root / "synsets.txt").write_text("\n".join(WNIDS))
    if labels == "val.txt":
        lines = [f"{validation(k)}.JPEG {class_of(k)}" for k in range(10)]
    else:
        lines = [WNIDS[class_of(k)] for k in range(10)]
    (root / labels).write_text("\n".join(lines))
    data = pruning.load_data(root, size=12)
    assert known(data) == known(pruning.load_data(as_folders(tmp_path / "imagenet"), size=12))
    by_picture = dict(zip((i.tobytes() for i in data.test.images), data.test.labels, strict=True))
    for number in range(10):
        image = np.asarray(Image.open(root / "val" / f"{validation(number)}.JPEG"))[:, 1:13]
        assert by_picture[image.tobytes()] == class_of(number)


def test_a_list_says_which_pictures_are_used(tmp_path):
    root = as_folders(tmp_path / "imagenet")
    chosen = [f"{WNIDS[1]}/{WNIDS[1]}_{row}.JPEG 1" for row in (0, 2, 3)]
    (root / "train.txt").write_text("\n".join(chosen))
    data = pruning.load_data(root, size=12)
    assert len(data.train) + len(data.holdout) == 3 and {*data.train.labels} == {1}
    assert "of imagenet only the pictures in train.txt are used" in data.messages
    (root / "train.txt").write_text(f"{WNIDS[1]}/missing.JPEG 1\n")
    with pytest.raises(ValueError, match=r"n01443537/missing is in the list of train and not in its folder"):
        pruning.load_data(root, size=12)


WRONG = {
    "there is no class of imagenet_class_index.json 'n09999999'": ("train/n09999999/a.JPEG", None),
    "number '1' is missing": ("imagenet_class_index.json", '{"0": ["n01440764", "tench"], "2": ["n0", "a"]}'),
    "names 1 classes in 2 entries": (
        "imagenet_class_index.json",
        '{"0": ["n01440764", "a"], "1": ["n01440764", "b"]}',
    ),
    "is no label map": ("imagenet_class_index.json", "[1, 2"),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_a_map_does_not_say_is_one_sentence(message, tmp_path):
    root = as_folders(tmp_path / "imagenet")
    name, text = WRONG[message]
    picture(root / name, 1) if text is None else (root / name).write_text(text)
    with pytest.raises(ValueError, match=message) as refused:
        pruning.load_data(root, size=12)
    assert len(str(refused.value).splitlines()) == 1


def test_two_maps_that_contradict_each_other_are_one_sentence(tmp_path):
    root = as_folders(tmp_path / "imagenet")
    (root / "classes.txt").write_text("\n".join(WNIDS))
    assert pruning.load_data(root, size=12).classes[0] == "tench"
    (root / "classes.txt").write_text("\n".join(WNIDS[::-1]))
    told = f"'{WNIDS[4]}' is class 4 by imagenet_class_index.json and class 0 by classes.txt; leave the one"
    with pytest.raises(ValueError, match=told):
        pruning.load_data(root, size=12)
    (root / "classes.txt").write_text("\n".join(NAMES))  # of other names, so no map of these folders
    assert pruning.load_data(root, size=12).classes[0] == "tench"


def test_the_devkits_numbers_are_not_taken_for_class_numbers(tmp_path):
    root = as_challenge(tmp_path / "challenge")
    (root / "LOC_val_solution.csv").unlink()
    (root / "ILSVRC2012_validation_ground_truth.txt").write_text("1\n" * 10)
    with pytest.raises(ValueError, match="counts classes in an order of its own; give LOC_val_solution.csv"):
        pruning.load_data(root, size=12)


def test_more_than_fits_in_memory_is_decoded_once_and_mapped(tmp_path, monkeypatch):
    whole = pruning.load_data(as_folders(tmp_path / "one" / "imagenet"), size=12)
    monkeypatch.setenv("PRUNING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoded_pictures, "LARGEST", 1000)
    mapped = pruning.load_data(as_folders(tmp_path / "two" / "imagenet"), size=12)
    assert mapped.digest == whole.digest and isinstance(mapped.train.images.base, np.memmap)
    assert "kept decoded in" in mapped.messages[-1]
    (array,) = (tmp_path / "cache" / "decoded").glob("*.npy")
    time = array.stat().st_mtime_ns
    pruning.data.load.from_path.cache_clear()
    again = pruning.load_data(tmp_path / "two" / "imagenet", size=12)
    assert again is not mapped and again.digest == whole.digest and array.stat().st_mtime_ns == time


def test_decoded_pictures_go_once_they_are_unused_for_long_or_the_room_is_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(decoded_pictures, "LARGEST", 1000)
    decoded = tmp_path / "cache" / "decoded"

    def load(name: str) -> set[str]:
        """The arrays that there are once a folder of another name was loaded."""
        pruning.data.load.from_path.cache_clear()
        root = tmp_path / name / "imagenet"
        pruning.load_data(root if root.exists() else as_folders(root), size=12)
        return {array.name for array in decoded.glob("*.npy")}

    (first,) = load("one")
    second = load("two") - {first}
    (decoded / ".writing-ended").mkdir()
    month = time.time() - 31 * 24 * 3600
    for path in (decoded / first, decoded / ".writing-ended"):
        os.utime(path if path.is_dir() else path.with_suffix(".json"), (month, month))
    assert load("two") == second and not (decoded / ".writing-ended").exists()
    assert load("one") == {first, *second}  # decoded anew, and "two" is unused for longer now
    space = itertools.chain([100, 100, 10**9], itertools.repeat(10**9))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=next(space)))
    assert load("three").isdisjoint(second) and first in load("three")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=-(10**9)))
    with pytest.raises(ValueError, match="name another folder by PRUNING_CACHE"):
        load("four")
    assert first in {array.name for array in decoded.glob("*.npy")}  # nothing goes where that is not enough


def test_the_lines_of_imagenet_md_run_on_a_small_folder(tmp_path):
    """Few images, as the few-image reference has them; a network with as many outputs as the map names."""
    root = as_folders(tmp_path / "imagenet", train=(0, 1, 3), each=12)
    (root / "train.txt").write_text(
        "\n".join(f"{WNIDS[k]}/{WNIDS[k]}_{row}.JPEG" for k in (0, 1) for row in range(9))
    )
    told = forked("data", root, "--size", "32")
    assert "5 classes" in told.stdout and "18 for training, 2 of them held out" in told.stdout
    given = ["--model", "torchvision:resnet18", "--data", root, "--size", "32", "--checkpoint", "none"]
    how = ["--criterion", "l1", "--cut", "0.4", "--repair", "recalibrate", "--calibration", "2560"]
    how += ["--normalize", "imagenet", "--threads", "1", "--out", tmp_path / "small"]
    ended = forked("run", *given, *how, env={"PRUNING_TIMING_SECONDS": "1"})
    assert ended.returncode == 0, ended.stderr
    report = pruning.load_report(tmp_path / "small")
    assert "class numbers of imagenet are those of imagenet_class_index.json: 5" in report["messages"]
    assert pruning.load(tmp_path / "small").fc.out_features == 5
