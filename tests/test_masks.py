"""Pictures with masks: from folders, zips, .npz and as Pascal VOC has them; what is refused, in one
sentence."""

import re

import numpy as np
import pytest
import torch
from PIL import Image

import pruning
from pruning.data import DATA, Dataset, Split
from pruning.data.pascal_palette import CLASSES, palette
from pruning.tasks import IGNORED, PIXELWISE
from tests.mask_data import drawn, grey_of_two_bits, packed, palette_png, save, write_masks, write_voc

PARTS = ("train", "holdout", "test")


def pixels_and_masks(data):
    """All of a data set's images with their masks, whichever part they are in, in an order of their own."""
    rows = [
        (image.tobytes(), mask.tobytes())
        for part in PARTS
        for image, mask in zip(getattr(data, part).images, getattr(data, part).labels, strict=True)
    ]
    return sorted(rows)


# ------------------------------------------------------------------------------------------- what is taken


def test_masks_come_back_as_they_were_written(tmp_path):
    data = pruning.load_data(write_masks(tmp_path / "set"))
    assert data.task is PIXELWISE and data.classes == ("0", "1", "2") and data.flips and not data.messages
    assert [len(getattr(data, part)) for part in PARTS] == [7, 1, 2]  # a fifth is the test, by the seed
    assert data.test.labels.dtype == np.uint8 and data.test.labels.shape == (2, 32, 32)
    written = sorted(drawn(k)[1].tobytes() for k in range(10))
    assert sorted(mask for _, mask in pixels_and_masks(data)) == written
    other = pruning.load_data(tmp_path / "set", seed=1)
    assert pixels_and_masks(other) == pixels_and_masks(data) and other.digest != data.digest


def test_palette_png_and_vocs_colours_are_the_classes_too(tmp_path):
    grey = pruning.load_data(write_masks(tmp_path / "grey"))
    indexed = pruning.load_data(write_masks(tmp_path / "indexed", kind=palette_png))
    coloured = pruning.load_data(
        write_masks(tmp_path / "coloured", kind=lambda mask: Image.fromarray(palette()[mask]))
    )
    assert grey.digest == indexed.digest == coloured.digest
    assert coloured.messages == ("10 RGB masks of coloured read by the colours of Pascal VOC",)
    for k in range(10):
        (tmp_path / "grey" / "masks" / f"{k:02}.png").write_bytes(grey_of_two_bits(drawn(k)[1]))
    few = pruning.load_data(tmp_path / "grey")
    assert len(few.classes) == 4 and np.array_equal(
        few.test.labels, np.where(grey.test.labels == 255, 3, grey.test.labels)
    )


@pytest.mark.parametrize("wrapper", ["", "my set/"])
def test_a_zip_of_them_is_the_same_as_the_folders(wrapper, tmp_path):
    for k in range(8):
        part = "train" if k < 5 else "test"
        picture, mask = drawn(k)
        kinds = [tmp_path / "set" / kind / part for kind in ("images", "masks")]
        turned = [tmp_path / "turned" / part / kind for kind in ("images", "masks")]
        for folders in (kinds, turned):
            save(picture, Image.fromarray(mask), *folders, str(k))
            picture.save(folders[0] / f"{k}.png")
            (folders[0] / f"{k}.jpg").unlink()
    data = pruning.load_data(tmp_path / "set")
    assert [len(getattr(data, part)) for part in PARTS] == [4, 1, 3]
    assert np.array_equal(data.test.images[0], np.asarray(drawn(5)[0])) and np.array_equal(
        data.test.labels[2], drawn(7)[1]
    )
    for other in (tmp_path / "turned", packed(tmp_path / "set", tmp_path / "set.zip", wrapper)):
        assert pruning.load_data(other).digest == data.digest
    (tmp_path / "turned" / "train" / "masks" / "3.png").unlink()
    with pytest.raises(ValueError, match="train/images/3.png of turned has no mask; give train/masks/3.png"):
        pruning.load_data(tmp_path / "turned")


def test_classes_are_named_and_what_lies_beside_is_told(tmp_path):
    folder = write_masks(tmp_path / "set")
    (folder / "classes.txt").write_text("road\ncar\nsky\nnever seen\n")
    (folder / "README.md").write_text("x")
    data = pruning.load_data(folder)
    assert data.classes == ("road", "car", "sky", "never seen") and data.outputs == 4
    assert data.messages == ("README.md of set is not used", "no training mask of set shows never seen")


def test_pictures_are_scaled_down_or_filled_up_with_their_masks(tmp_path):
    folder = write_masks(tmp_path / "set", 5, size=(40, 20))
    fits, small, large = (pruning.load_data(folder, size=size) for size in (None, 20, 48))
    assert (fits.size, small.size, large.size) == (40, 20, 48)
    mask, image = large.train.labels[0], large.train.images[0].astype(float)
    assert (
        (mask[20:] == IGNORED).all() and (mask[:, 40:] == IGNORED).all() and (mask[:20, :40] != IGNORED).any()
    )
    assert np.abs(image[30, 30] - image[:20, :40].mean((0, 1))).max() <= 0.5
    assert np.array_equal(
        small.train.labels[0][:10], fits.train.labels[0][1:20:2, 1::2]
    )  # nearest, scaled by half
    assert (small.train.labels[0][10:] == IGNORED).all()


def test_masks_follow_pictures_that_exif_turns_if_they_were_drawn_unturned(tmp_path):
    stored = write_masks(tmp_path / "set", 3, size=(40, 20)) / "images"
    for k in range(3):
        picture = drawn(k, (40, 20))[0]
        exif = picture.getexif()
        exif[0x0112] = 6  # shown turned clockwise
        picture.save(stored / f"{k:02}.jpg", exif=exif, quality=100)
    upright = tmp_path / "set" / "masks" / "00.png"
    Image.fromarray(np.rot90(drawn(0, (40, 20))[1], -1)).save(upright)  # drawn as it is shown
    data = pruning.load_data(tmp_path / "set")
    assert data.messages == ("2 masks of set turned as EXIF turns the pictures",)
    written = sorted(np.rot90(drawn(k, (40, 20))[1], -1).tobytes() for k in range(3))
    found = [mask[:, :20].tobytes() for part in PARTS for mask in getattr(data, part).labels]
    assert data.size == 40 and sorted(found) == written


def test_an_npz_with_masks(tmp_path):
    pairs = [drawn(k) for k in range(6)]
    arrays = {"x": np.stack([np.asarray(p) for p, _ in pairs]), "y": np.stack([m for _, m in pairs])}
    given = {
        f"{n}_{p}": a[r] for n, a in arrays.items() for p, r in (("train", slice(4)), ("test", slice(4, 6)))
    }
    np.savez(tmp_path / "set.npz", **given, classes=np.array(["ground", "one", "two"]))
    data = pruning.load_data(tmp_path / "set.npz")
    assert data.task is PIXELWISE and data.classes == ("ground", "one", "two")
    assert np.array_equal(data.test.labels, arrays["y"][4:]) and np.array_equal(
        data.test.images, arrays["x"][4:]
    )
    assert pruning.load_data(tmp_path / "set.npz", size=16).test.labels.shape == (2, 16, 16)
    np.savez(tmp_path / "set.npz", **given | {"y_test": given["y_test"].astype(np.int64) - 1})
    with pytest.raises(ValueError, match="y_test in set.npz has classes -1 to 254; give 0 to 254"):
        pruning.load_data(tmp_path / "set.npz")
    np.savez(tmp_path / "set.npz", **given | {"y_test": given["y_test"][:, :-1]})
    with pytest.raises(ValueError, match=re.escape("give whole numbers [2, 32, 32], a mask per image")):
        pruning.load_data(tmp_path / "set.npz")


def test_masks_given_as_arrays_or_tensors():
    images, masks = torch.rand(3, 3, 32, 32), np.stack([drawn(k)[1] for k in range(3)])
    data = pruning.load_data((images, torch.from_numpy(masks).long()))
    assert data.task is PIXELWISE and data.outputs == 3 and np.array_equal(data.test.labels, masks)
    with pytest.raises(ValueError, match=re.escape("give floats [N, C, H, W] and whole numbers [N, H, W]")):
        pruning.load_data((images, masks[:, :-1]))
    with pytest.raises(ValueError, match=re.escape("give all at once: (images, masks)")):
        pruning.load_data([(images, masks)])


@pytest.mark.parametrize("size", [10, 20, 48])
def test_loaded_masks_are_resized_as_their_images_are(size):
    """Images of 40 x 20 pixels that are white where the mask is 1, at a size that crops and scales both."""
    masks = np.zeros((6, 20, 40), np.uint8)
    for k, mask in enumerate(masks):
        mask[2 + k : 9 + k, 8 + 2 * k : 25] = 1
    part = Split(np.repeat(255 * masks[..., None], 3, axis=3), masks, PIXELWISE)
    found = pruning.load_data(Dataset("mine", part, part, part, ("no", "yes"), "", shift=0), size=size).test
    assert found.images.shape[1:3] == found.labels.shape[1:] == (size, size)
    away = np.abs(found.images[..., 0] - 127.5) > 100  # from the edges, where bilinear mixes
    assert away.mean() > 0.6 and np.array_equal(found.images[..., 0][away] > 127, found.labels[away] == 1)


# ---------------------------------------------------------------------------------------------- Pascal VOC


def test_a_folder_as_pascal_voc_has_it(tmp_path):
    data = pruning.load_data(write_voc(tmp_path / "VOCdevkit" / "VOC2012"))
    assert data.classes == CLASSES and len(data.classes) == 21 and data.size == 64
    assert (len(data.train) + len(data.holdout), len(data.test)) == (12, 8)
    assert data.messages[0] == "VOC2012 is read as Pascal VOC: train.txt for training, val.txt for the test"
    lists = tmp_path / "VOCdevkit" / "VOC2012" / "ImageSets" / "Segmentation"
    more = tmp_path / "VOCdevkit" / "VOC2012" / "SegmentationClassAug"
    picture, mask = drawn(30)
    save(picture, Image.fromarray(mask), lists.parents[1] / "JPEGImages", more, "extra")
    (lists / "trainaug.txt").write_text((lists / "train.txt").read_text() + "extra\n")
    packed = pruning.load_data(tmp_path / "VOCdevkit")
    assert len(packed.train) + len(packed.holdout) == 13 and "trainaug.txt" in packed.messages[0]
    assert packed.messages[0].startswith("VOCdevkit/VOC2012 is read")
    (lists / "val.txt").unlink()
    with pytest.raises(ValueError, match="lacks ImageSets/Segmentation/val.txt; give it"):
        pruning.load_data(tmp_path / "VOCdevkit")


def test_voc_by_name_is_what_torchvision_has_downloaded(monkeypatch, tmp_path):
    from scipy.io import savemat

    monkeypatch.setenv("PRUNING_CACHE", str(tmp_path))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing answers there
    for name in ("voc2012", "voc2012_sbd"):
        with pytest.raises(ValueError, match=f"{name} is downloaded when first used.*JPEGImages"):
            pruning.load_data(name, size=40)
        assert not DATA[name].offline and not list(tmp_path.iterdir())
    write_voc(tmp_path / "voc2012" / "VOCdevkit" / "VOC2012")
    voc = pruning.load_data("voc2012", size=40)
    assert voc.size == 40 and len(voc.test) == 8 and voc.flips
    for folder in ("img", "cls"):
        (tmp_path / "sbd" / folder).mkdir(parents=True)
    names = [
        "2008_000000",
        "2026_000000",
        "2026_000019",
    ]  # one of its own, one in VOC's train, one in its val
    for part, own in (("train", names[:1]), ("val", names[1:])):
        (tmp_path / "sbd" / f"{part}.txt").write_text("\n".join(own))
    for name in names:
        picture, mask = drawn(1, classes=3)
        picture.save(tmp_path / "sbd" / "img" / f"{name}.jpg")
        content = np.zeros((1, 1), dtype=[("Segmentation", object)])
        content[0, 0]["Segmentation"] = np.where(mask == IGNORED, 7, mask)
        savemat(tmp_path / "sbd" / "cls" / f"{name}.mat", {"GTcls": content})
    more = pruning.load_data("voc2012_sbd", size=40)
    assert len(more.train) + len(more.holdout) == 13 and len(more.test) == 8
    assert more.messages[0] == "1 training masks of voc2012_sbd are SBD's, the others Pascal VOC's"
    assert sum((part.labels == 7).any((1, 2)).sum() for part in (more.train, more.holdout)) == 1


# ----------------------------------------------------------------------------------------- what is refused


def written(folder, name, pixels):
    Image.fromarray(pixels).save(folder / "masks" / f"{name}.png")


def cut_short(folder):
    place = folder / "masks" / "03.png"
    place.write_bytes(place.read_bytes()[:60])


def only_one(folder):
    for k in range(1, 10):
        (folder / "images" / f"{k:02}.jpg").unlink()
        (folder / "masks" / f"{k:02}.png").unlink()


def all_of(value):
    return lambda folder: [written(folder, f"{k:02}", np.full((32, 32), value, np.uint8)) for k in range(10)]


RED = np.tile(np.array([250, 3, 3], np.uint8), (32, 32, 1))
REFUSED = {
    "images/03.jpg of set has no mask; give masks/03.png": lambda f: (f / "masks" / "03.png").unlink(),
    "masks/03.png of set has no picture": lambda f: (f / "images" / "03.jpg").unlink(),
    "images/03.jpg has 32 x 32 pixels and masks/03.png 30 x 32": lambda f: written(
        f, "03", drawn(3)[1][:, :30]
    ),
    "masks/01.png has class 2, and there are 2 classes": lambda f: (f / "classes.txt").write_text("a\nb"),
    "classes.txt of set names 1 classes in 2 lines": lambda f: (f / "classes.txt").write_text("a\na"),
    "masks/03.png is an RGB picture with other colours than": lambda f: written(f, "03", RED),
    "masks/03.png is a PNG of 16 bits": lambda f: written(f, "03", drawn(3)[1].astype(np.uint16)),
    "masks/03.png is a damaged PNG": cut_short,
    "masks/03.png is no PNG": lambda f: drawn(3)[0].save(f / "masks" / "03.png", format="JPEG"),
    "masks of set are all 255, which does not count": all_of(255),
    "the masks of set have one class only, 0; give two": all_of(0),
    "set has 1 picture with 1 mask; give three or more": only_one,
    "images/03.jpg and images/03.png of set have one name": lambda f: drawn(3)[0].save(
        f / "images" / "03.png"
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_is_no_set_of_masks_is_refused_in_a_sentence(message, tmp_path):
    folder = write_masks(tmp_path / "set")
    REFUSED[message](folder)
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        pruning.load_data(folder)
    assert len(str(refused.value).splitlines()) == 1


def test_empty_folders_are_refused(tmp_path):
    for kind in ("images", "masks"):
        (tmp_path / "set" / kind).mkdir(parents=True)
    with pytest.raises(ValueError, match=re.escape("set has no pictures in images/")):
        pruning.load_data(tmp_path / "set")
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match="there are no images; give .* or images/ and masks/"):
        pruning.load_data(tmp_path / "none")
