"""Scikit-learn's handwritten digits, which two of the data sets are made from."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

FILE = "datasets/data/digits.csv.gz"  # within scikit-learn


def load_glyphs() -> tuple[np.ndarray, np.ndarray]:
    """The digits as they come: float64 [1797, 8, 8], ink from 0 to 16, and int64 [1797].

    Read from the file that `sklearn.datasets.load_digits` reads: importing that takes a second a process.
    """
    table = np.loadtxt(Path(find_spec("sklearn").origin).parent / FILE, delimiter=",")
    return table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
