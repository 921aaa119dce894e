"""Two run reports compared, table by table."""

from dataclasses import fields

import numpy as np
import pandas as pd

from pruning.inspection.prediction_changes import RunReport


def assert_same(one: RunReport, other: RunReport):
    """Everything that a page shows: numbers to the last digit, tables with their types, pictures."""
    for field in fields(RunReport):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(first, pd.DataFrame):
            pd.testing.assert_frame_equal(first, second, check_exact=True)
        elif field.name not in ("pictures", "masks", "grad_cams", "gates"):
            assert first == second, field.name
    assert one.pictures.keys() == other.pictures.keys() and one.masks.keys() == other.masks.keys()
    assert all(np.array_equal(picture, other.pictures[image]) for image, picture in one.pictures.items())
    same_parts(one.grad_cams, other.grad_cams, ("images", "pictures", "before", "after"))
    same_parts(one.gates, other.gates, ("groups", "sizes", "steps", "steps_per_epoch", "rows", "scaled"))


def same_parts(one, other, names: tuple[str, ...]):
    assert (one is None) == (other is None)
    for name in names if one is not None else ():
        first, second = getattr(one, name), getattr(other, name)
        if isinstance(first, pd.DataFrame):
            pd.testing.assert_frame_equal(first, second, check_exact=True)
        else:
            assert np.array_equal(first, second), name
