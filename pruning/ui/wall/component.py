"""The wall on the page: one slider, one switch, a wall a criterion, drawn in the browser while the slider
moves."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import streamlit as st

from pruning.experiment import Recipe
from pruning.metric_words import correct
from pruning.tasks.mask_colours import class_colours
from pruning.terms import title
from pruning.ui import state
from pruning.ui.wall.pictures import COLUMNS, mask_sheet, picture_sheet, sheet
from pruning.ui.wall.wall_data import Known, Shown

HERE = Path(__file__).parent
KEY = "wall"
_wall = st.components.v2.component(
    "wall", **{part: (HERE / f"wall.{part}").read_text(encoding="utf-8") for part in ("html", "css", "js")}
)


def draw(recipe: Recipe, walls: dict[str, Shown | None]):
    """Shows one or two walls of the same pictures, by criterion; at least one is known. What is chosen there
    becomes the recipe's own."""
    known = [wall for wall in walls.values() if wall is not None]
    first = min(known, key=lambda wall: len(wall.cuts))  # of two, what both can reach
    task, cuts = first.of_task, len(first.cuts)
    masks, pictures = (task.drawn_as == kind for kind in ("masks", "pictures"))
    sprite, side = sprite_of(first.images.tobytes(), first.images.shape, masks)
    data = {
        "sprite": sprite,
        "side": side,
        "columns": COLUMNS,
        "truth": sheet_of(first.truth.tobytes(), first.truth.shape) if masks else first.truth.tolist(),
        "many": len(first.images),
        "classes": list(first.classes),
        "legend": legend(first.classes) if masks else None,
        "pictures": pictures,
        "metric": task.metric.name,
        "framed": task.right_means,
        "cuts": list(first.cuts),
        "calibration": recipe.calibration,
        "cut": recipe.cut,
        "repair": state.looking_at("repaired") == "1",
        "walls": [{"name": name, "title": title(name), **told(wall, cuts)} for name, wall in walls.items()],
    }
    _wall(key=KEY, data=data, on_cut_change=take_cut, on_repair_change=take_repair)


def told(wall: Shown | None, cuts: int) -> dict:
    """What one wall says at the first so many cuts; nothing of one that is still to come. predictions: class
    numbers, or a sheet of masks or of pictures.   values: of the metric, in words; or how many are right."""
    if wall is None:
        return {name: [[None] * cuts] * 2 for name in ("predictions", "right", "values")} | {"asked": 0}
    task = wall.of_task

    def said(answers: np.ndarray):
        if task.drawn_as == "classes":
            return answers.tolist()
        return sheet_of(answers.tobytes(), answers.shape)

    def in_words(value: float):
        right = correct(task, value, wall.asked)
        return task.metric.in_words(value) if right is None else right

    def each(known: Known, form: Callable):
        return [[None if one is None else form(one) for one in part[:cuts]] for part in known]

    right = each(wall.right, lambda right: right.tolist())
    told = {"predictions": each(wall.predictions, said), "values": each(wall.values, in_words)}
    return told | {"right": right, "asked": wall.asked}


def legend(classes: tuple[str, ...]) -> list[tuple[str, str]]:
    """(name, colour) of every class; the first, which is not coloured, without one."""
    colours = class_colours()
    return [(name, "#{:02x}{:02x}{:02x}".format(*colours[k]) if k else "") for k, name in enumerate(classes)]


def take_cut():
    state.edit(cut=float(st.session_state[KEY]["cut"]))


def take_repair():
    state.look_at(repaired="1" if st.session_state[KEY]["repair"] else None)


@lru_cache(maxsize=8)
def sprite_of(pixels: bytes, shape: tuple[int, ...], masks: bool) -> tuple[str, int]:
    return sheet(np.frombuffer(pixels, np.uint8).reshape(shape), masks)


@lru_cache(maxsize=200)
def sheet_of(classes: bytes, shape: tuple[int, ...]) -> str:
    found = np.frombuffer(classes, np.uint8).reshape(shape)
    return picture_sheet(found) if found.ndim == 4 else mask_sheet(found)
