"""Pictures of odd kinds come out as viewers show them, or as one sentence."""

import struct

import numpy as np
import pytest
from PIL import Image

import pruning

RAMP = np.linspace(0, 255, 16, dtype=np.uint8)[None].repeat(16, 0)  # [16, 16], dark to light
GREY = np.repeat(RAMP[..., None], 3, axis=2)


def data_of(folder, save):
    """Two classes of two files each, written by `save(path without an ending)`."""
    for name in "ab":
        (folder / name).mkdir(parents=True)
        for number in range(4):
            save(folder / name / str(number))
    return pruning.load_data(folder)


def turned(path):
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera on its side
    Image.fromarray(np.rot90(GREY)).save(path.with_suffix(".png"), exif=exif)


def palette(path):
    image = Image.fromarray(GREY).quantize(16)
    image.save(path.with_suffix(".gif"))


def animated(path):
    frames = [Image.fromarray(255 - GREY)]
    Image.fromarray(GREY).save(path.with_suffix(".gif"), save_all=True, append_images=frames)


def clear(path):
    alpha = np.full((16, 16, 1), 255, np.uint8)
    alpha[:8] = 0
    Image.fromarray(np.concatenate([GREY, alpha], axis=2)).save(path.with_suffix(".png"))


def tiff(pixels, *, photometric=1, sample=1):
    """Bytes of a TIFF of one strip, by hand: what Pillow reads but does not write."""
    data = pixels.tobytes()
    tags = [(256, 16), (257, 16), (258, 8 * pixels.itemsize), (259, 1), (262, photometric), (273, 8)]
    tags += [(277, 1), (278, 16), (279, len(data)), (339, sample)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + struct.pack("<H", 10) + entries + bytes(4)


def saved(array, ending, **how):
    return lambda path: Image.fromarray(array).save(path.with_suffix(ending), **how)


DEEP = RAMP.astype(np.uint16) * 257
KINDS = {  # how it is written, what is seen, and what is said
    "upright by EXIF": (turned, GREY, ""),
    "16-bit PNG": (saved(DEEP, ".png"), GREY, ""),
    "16-bit TIFF": (saved(DEEP, ".tif"), GREY, ""),
    "16-bit PGM": (saved(DEEP, ".pgm"), GREY, ""),
    "16-bit, white is zero": (
        lambda path: path.with_suffix(".tif").write_bytes(tiff(65535 - DEEP, photometric=0)),
        GREY,
        "",
    ),
    "12 bits in 16": (saved(DEEP // 16, ".png"), np.round(GREY / 16), "no pixel is above 4,095 of 65,535"),
    "fractions": (saved((RAMP / 255).astype(np.float32), ".tif"), GREY, ""),
    "palette": (palette, GREY, ""),
    "animated": (animated, GREY, "8 files of set with several pictures: the first"),
    "transparent": (
        clear,
        np.concatenate([np.full((8, 16, 3), 255), GREY[8:]]),
        "8 pictures of set transparent in places, which are white here",
    ),
    "opaque": (saved(np.concatenate([GREY, GREY[..., :1] * 0 + 255], axis=2), ".png"), GREY, ""),
    "one bit": (saved(RAMP > 99, ".png"), (GREY > 99) * 255, ""),
    "CMYK": (lambda path: Image.fromarray(GREY).convert("CMYK").save(path.with_suffix(".tif")), GREY, ""),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_is_as_viewers_show_it(kind, tmp_path):
    write, shown, said = KINDS[kind]
    data = data_of(tmp_path / "set", write)
    assert np.abs(data.train.images.astype(int) - shown).max() <= (5 if kind == "palette" else 0)
    assert said in " ".join(data.messages) and bool(said) == bool(data.messages)


NOT_THESE = {
    "fractions from 0 to 255": saved(RAMP.astype(np.float32), ".tif"),
    "fractions from nan": saved(np.full((16, 16), np.nan, np.float32), ".tif"),
    "32-bit or signed whole numbers": saved(RAMP.astype(np.int32), ".tif"),
    "are signed": lambda path: path.with_suffix(".tif").write_bytes(tiff(RAMP.astype(np.int8), sample=2)),
}


@pytest.mark.parametrize("message", NOT_THESE)
def test_a_picture_of_other_numbers_is_one_sentence(message, tmp_path):
    with pytest.raises(ValueError, match=f"a/0.tif has pixels that .*{message[-9:]}") as refused:
        data_of(tmp_path / "set", NOT_THESE[message])
    assert message in str(refused.value) and len(str(refused.value).splitlines()) == 1


def test_links_are_followed_and_those_that_lead_nowhere_or_back_named(tmp_path):
    plain = data_of(tmp_path / "plain", saved(GREY, ".png"))
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "a").symlink_to(tmp_path / "plain" / "a")
    (linked / "b").mkdir()
    for number in range(4):
        (linked / "b" / f"{number}.png").symlink_to(tmp_path / "plain" / "b" / f"{number}.png")
    assert pruning.load_data(linked).digest == plain.digest
    (linked / "b" / "9.png").symlink_to("nowhere.png")
    with pytest.raises(ValueError, match="9.png is a link to what is not there"):
        pruning.load_data(linked)
    (linked / "b" / "9.png").unlink()
    (linked / "b" / "back").symlink_to(linked)
    with pytest.raises(ValueError, match="back is a link to a folder that it lies in"):
        pruning.load_data(linked)
