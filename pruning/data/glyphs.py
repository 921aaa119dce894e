"""Scikit-learn's handwritten digits, which two of the data sets are made from."""

import numpy as np


def load_glyphs() -> tuple[np.ndarray, np.ndarray]:
    """The digits as they come: float64 [1797, 8, 8], ink from 0 to 16, and int64 [1797]."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return bunch.images, bunch.target.astype(np.int64)
