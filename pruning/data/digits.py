"""Scikit-learn's handwritten digits, scaled up to the size of the 32 x 32 networks."""

import numpy as np

from pruning.data.dataset import Dataset, Split, assemble, split_off
from pruning.data.glyphs import load_glyphs
from pruning.data.registry import dataset

SIDE = 32
TEST_SHARE = 0.2
TEST_SEED = 10  # fixed: the test part is the same for everyone


@dataset("digits", meaning="1,797 handwritten digits from scikit-learn, 32 x 32.", offline=True)
def digits() -> Dataset:
    """1,438 training and 359 test images of three equal channels. A mirrored digit is another: no flips."""
    glyphs, labels = load_glyphs()
    images = np.repeat(
        np.stack([enlarge(glyph) for glyph in glyphs])[..., None], 3, axis=3
    )  # [1797, 32, 32, 3]
    rest, held = split_off(labels, TEST_SHARE, TEST_SEED)
    everything = Split(images, labels)
    names = tuple(str(digit) for digit in range(10))
    return assemble("digits", everything.take(rest), everything.take(held), names, shift=2)


def enlarge(glyph: np.ndarray) -> np.ndarray:
    """[8, 8] of 0 to 16 -> uint8 [32, 32]. Pillow resizes in integers: the same pixels everywhere."""
    from PIL import Image

    small = Image.fromarray(np.round(glyph * 255 / 16).astype(np.uint8))
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
