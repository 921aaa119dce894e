"""The wall on the page: one slider, one switch, a wall a criterion, drawn in the browser while the slider
moves."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import streamlit as st

from pruning.experiment import Recipe
from pruning.terms import title
from pruning.ui import state
from pruning.ui.wall.pictures import COLUMNS, sheet
from pruning.ui.wall.wall_data import Shown

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
    sprite, side = sprite_of(first.images.tobytes(), first.images.shape)
    data = {
        "sprite": sprite,
        "side": side,
        "columns": COLUMNS,
        "truth": list(first.truth),
        "classes": list(first.classes),
        "cuts": list(first.cuts),
        "calibration": recipe.calibration,
        "cut": recipe.cut,
        "repair": state.looking_at("repaired") == "1",
        "walls": [
            {"name": name, "title": title(name), **told(wall, len(first.cuts))}
            for name, wall in walls.items()
        ],
    }
    _wall(key=KEY, data=data, on_cut_change=take_cut, on_repair_change=take_repair)


def told(wall: Shown | None, cuts: int) -> dict:
    """What one wall says at the first so many cuts; nothing of one that is still to come."""
    if wall is None:
        return {"predictions": [[None] * cuts] * 2, "correct": [[None] * cuts] * 2, "asked": 0}
    predictions, correct = ([state[:cuts] for state in part] for part in (wall.predictions, wall.correct))
    return {"predictions": predictions, "correct": correct, "asked": wall.asked}


def take_cut():
    state.edit(cut=float(st.session_state[KEY]["cut"]))


def take_repair():
    state.look_at(repaired="1" if st.session_state[KEY]["repair"] else None)


@lru_cache(maxsize=8)
def sprite_of(pixels: bytes, shape: tuple[int, ...]) -> tuple[str, int]:
    return sheet(np.frombuffer(pixels, np.uint8).reshape(shape))
