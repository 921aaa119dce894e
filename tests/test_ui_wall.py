"""The wall's parts: its pictures, the one that ships, and one that is filled while somebody looks."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pruning import Recipe
from pruning.criteria import SCORED
from pruning.shipped.keys import apart_from_cut
from pruning.tasks import DEFAULT, PIXELWISE
from pruning.terms import title
from pruning.ui.wall import component, pictures, wall_data
from pruning.wall import CUTS, STEPS, Wall
from tests.page_door import look_until, open_page
from tests.shipped_walls import shipped_wall


def wall(*cuts: float) -> Wall:
    """A made-up wall of three pictures: at a cut of c the raw network says class 100 c, the repaired one
    0."""
    said = [[round(100 * cut)] * 3 for cut in cuts]
    return Wall(
        images=np.zeros((3, 8, 8, 3), np.uint8),
        labels=np.array([0, 5, 0]),
        cuts=np.array(cuts),
        predictions=np.array([said, [[0] * 3 for _ in cuts]]).reshape(2, len(cuts), 3),
        right=np.zeros((2, len(cuts), 3), bool),
        values=np.array([[0.0] * len(cuts), [2 / 3] * len(cuts)]).reshape(2, len(cuts)),
        test_images=3,
        classes=("a",) * 101,
        task=DEFAULT.name,
    )


def test_a_duotone_keeps_apart_what_differs_in_colour_alone():
    image = np.full((16, 16, 3), (120, 60, 60), np.uint8)
    image[4:12, 4:12] = (60, 120, 60)  # as bright as the rest
    red = pictures.duotone(image).astype(int)
    assert np.abs(red[8, 8] - red[0, 0]).max() > 100
    assert (red[..., 0] >= red[..., 1]).all()  # reds only


def test_the_sheet_holds_every_picture_and_below_them_their_duotones():
    images = np.random.default_rng(0).integers(0, 256, (14, 8, 8, 3), np.uint8)
    url, side = pictures.sheet(images)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))))
    assert side == 8 and sheet.shape == (4 * 8, 12 * 8, 3)  # two rows, twice
    assert (sheet[8:16, 8:16] == images[13]).all()
    assert (sheet[24:32, 8:16] == pictures.duotone(images[13])).all()


def test_large_and_oblong_pictures_become_small_squares():
    assert pictures.fit(np.zeros((300, 200, 3), np.uint8)).shape == (96, 96, 3)
    assert pictures.fit(np.zeros((32, 40, 3), np.uint8)).shape == (32, 32, 3)


def test_a_wall_known_in_part_says_so():
    known = wall_data.combine([wall(0.0, 0.5), wall(0.25)], cuts=(0.0, 0.25, 0.5, 0.75))
    said = [None if cut is None else cut.tolist() for cut in known.predictions[0]]
    assert said == [[0, 0, 0], [25, 25, 25], [50, 50, 50], None]
    assert known.values[1] == (2 / 3, 2 / 3, 2 / 3, None) and not known.complete
    assert wall_data.combine([wall(*CUTS)]).complete


def test_a_live_wall_asks_for_every_cut_once_and_for_the_full_network_first():
    places = [place for step in STEPS for place in step]
    assert sorted(places) == list(range(len(CUTS))) and places[0] == 0
    assert all(list(step) == sorted(step) for step in STEPS)


def test_a_shipped_wall_is_of_its_recipe_and_of_nothing_else():
    best = {"criterion": "reconstruction", "allocation": "error"}
    first = shipped_wall(Recipe(**best))
    within_reach = [cut <= 0.87 for cut in first.cuts]  # the largest that the limits allow this network
    assert [known is not None for known in first.predictions[1]] == within_reach
    assert first.images.shape == (60, 32, 32, 3) and first.asked == 2000
    same = (
        {"cut": 0.3, "repair": "match", "epochs": 2},
        {"threads": 7},
        {"device": "cpu"},
        {"data": "digits"},
    )
    assert all(shipped_wall(Recipe(**(best | more))) for more in same)
    others = [
        *({"model": "resnet56"}, {"seed": 1}, {"allocation": "global"}, {"measure": "params"}),
        *({"checkpoint": "none"}, {"protect": ("layer1.0.conv1",)}, {"calibration": 60}),
        {"criterion": "cpot", "options": {"distribution": "maps"}},
    ]
    assert [shipped_wall(Recipe(**(best | other))) for other in others] == [None] * len(others)


@pytest.mark.parametrize("name", [name for name in SCORED if shipped_wall(Recipe().but(criterion=name))])
def test_a_shipped_wall_shows_what_it_is_for(name):
    """Nothing cut: raw and repaired agree, and most are right. Half cut: repair mends most of what broke."""
    told = shipped_wall(Recipe(criterion=name, allocation="error"))
    half = told.cuts.index(0.5)
    assert (told.predictions[0][0] == told.predictions[1][0]).all() and told.values[0][0] == 0.944
    broken = told.values[0][0] - told.values[0][half]
    mended = told.values[1][half] - told.values[0][half]
    assert broken > 0.2
    assert mended > 0.6 * broken


def test_widths_that_take_minutes_a_cut_are_the_same_share_of_every_group_on_a_wall():
    found = [apart_from_cut(Recipe(allocation=name)).allocation for name in ("greedy", "error", "global")]
    assert found == ["uniform", "error", "global"]


def test_a_wall_depends_on_no_cut():
    recipe = Recipe(data="digits", cut=0.2, repair="recalibrate", epochs=3, lr=0.1)
    assert apart_from_cut(recipe) == apart_from_cut(replace(recipe, cut=0.7, repair="none"))


def test_two_walls_have_their_titles_and_places_though_one_is_still_to_come(server, monkeypatch):
    """Whose figures they are is never in doubt: what ships has its own name, and CPOT's place is grey."""
    drawn = []
    monkeypatch.setattr(component, "_wall", lambda *, data, **how: drawn.append(data["walls"]))
    link = {"data": "digits", "criterion": "cpot", "distribution": "maps", "allocation": "error"}
    app = open_page(**link, beside="reconstruction")
    look_until(app, lambda app: drawn)
    cpot, other = drawn[0]
    assert [cpot["title"], other["title"]] == [title("cpot"), title("reconstruction")]
    assert cpot["predictions"] == [[None] * len(CUTS)] * 2 and cpot["asked"] == 0
    assert other["predictions"][1][CUTS.index(0.5)] is not None and other["asked"] == 359


def test_masks_are_sheets_in_the_classes_colours_with_a_legend_and_words(monkeypatch):
    drawn, masks = [], np.random.default_rng(0).integers(0, 11, (14, 64, 80)).astype(np.uint8)
    monkeypatch.setattr(component, "_wall", lambda *, data, **how: drawn.append(data))
    images = np.zeros((14, 8, 8, 3), np.uint8)
    right, values = np.zeros((2, 1, 14), bool), np.array([[0.25], [0.5]])
    said = np.stack([masks[None], masks[None]])
    part = Wall(images, masks, np.array([0.5]), said, right, values, 2000, ("no",) * 11, PIXELWISE.name)
    monkeypatch.setattr(component.state, "looking_at", lambda name: None)
    component.draw(Recipe(), {"l1": wall_data.combine([part], cuts=(0.5, 0.6))})
    (data,) = drawn
    assert data["legend"][0] == ("no", "") and data["legend"][1] == ("no", "#1f77b4")
    (one,) = data["walls"]
    assert one["values"] == [["25.0 %", None], ["50.0 %", None]] and one["predictions"][0][1] is None
    assert one["predictions"][1][0] == data["truth"] and data["metric"] == "mean IoU"
    sheet = Image.open(io.BytesIO(base64.b64decode(data["truth"].partition(",")[2])))
    numbers = np.asarray(sheet)
    assert sheet.size == (12 * pictures.MASK, 2 * pictures.MASK) and sheet.info["transparency"] == 0
    assert set(np.unique(numbers[: pictures.MASK, : pictures.MASK])) <= set(np.unique(masks[0]))
