"""Undo and redo on any page: what counts as a choice, what comes back, and what is left as it is."""

import pytest

from pruning import Recipe
from pruning.ui import undo
from pruning.ui.undo import MOST, ONE_MOVE, Chosen, History
from tests.page_door import link_of, open_page

FIRST = Recipe(criterion="l1", threads=1)
LINK = {"data": "digits", "criterion": "l1", "cut": "0.3", "calibration": "60"}


def chosen(looked: dict | None = None, **fields) -> Chosen:
    return Chosen(FIRST.but(**fields), tuple((looked or {}).items()))


def noted(*steps: tuple[Chosen, float]) -> History:
    held = History(None, chosen())
    for what, at in steps:
        held.note(what, at)
    return held


def test_a_choice_is_undone_and_done_again_until_another_one_is_made():
    held = noted(
        (chosen(cut=0.3), 10), (chosen(cut=0.3, repair="match"), 20), (chosen(cut=0.3, repair="match"), 21)
    )
    assert held.undo() == chosen(cut=0.3) and held.undo() == chosen()
    assert held.redo() == chosen(cut=0.3) and len(held.future) == 1
    held.note(held.now, 30)  # the page runs with what was brought back
    assert held.undo() == chosen() and len(held.future) == 2
    held.note(chosen(seed=7), 40)
    assert not held.future and held.undo() == chosen()


def test_one_setting_moved_by_arrow_keys_is_one_choice():
    moves = [(chosen(cut=0.5 + k / 100), 10 + k * ONE_MOVE / 2) for k in range(1, 9)]
    held = noted((chosen(seed=1), 1), *((Chosen(one.recipe.but(seed=1), ()), at) for one, at in moves))
    assert held.undo() == chosen(seed=1) and held.undo() == chosen()
    apart = noted(*((one, k * 2 * ONE_MOVE) for k, (one, _) in enumerate(moves)))
    assert len(apart.past) == len(moves)


def test_of_many_choices_the_oldest_are_forgotten():
    held = noted(*((chosen(seed=k + 1), 10.0 * k) for k in range(MOST + 9)))
    assert len(held.past) == MOST and held.past[0].recipe.seed == 9


@pytest.mark.parametrize(
    ("to", "told"),
    [
        (chosen(cut=0.3, repair="match"), "pruning ratio 30 %, repair block-wise feature matching"),
        (chosen(model="vgg16_slim", data="digits"), "network VGG-16 slim, data set digits"),
        (chosen({"group": "layer1.0.conv1"}), "group layer1.0.conv1"),
        (chosen(device="cuda"), "device cuda"),
        (chosen(checkpoint=f"sha256:{'ab' * 32}#w.pth"), "weights w.pth"),
        (chosen(checkpoint="none"), "weights random"),
        (chosen(criterion="gdp"), "criterion GDP"),
    ],
)
def test_what_comes_back_is_said(to, told):
    assert undo.in_words(chosen(), to).startswith(told)
    assert "none" in undo.in_words(to, chosen()) or not to.looked


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "page", ["1_Channels", "2_Prune", "3_Compare", "4_Compress", "5_Gates", "6_Learn", ""]
)
def test_every_page_takes_back_what_was_chosen_there_and_stays(page):
    app = open_page(page, **LINK, lesson="1")
    assert app.button(key="undo").disabled and app.button(key="redo").disabled
    for change in ({"cut": "0.45"}, {"data": "scenes"}):
        for key, value in change.items():
            app.query_params[key] = value
        app.run()
    app.button(key="undo").click().run()
    assert link_of(app)["data"] == "digits" and link_of(app)["cut"] == "0.45"
    app.button(key="undo").click().run()
    assert link_of(app) == LINK | {"lesson": "1"}
    assert app.button(key="undo").disabled
    app.button(key="redo").click().run()
    assert link_of(app)["cut"] == "0.45" and not app.exception


@pytest.mark.usefixtures("server")
def test_what_a_page_puts_in_the_place_of_gates_is_no_choice():
    app = open_page("1_Channels", data="digits", criterion="gdp", cut="0.3", calibration="60")
    assert link_of(app).get("criterion") != "gdp" and app.button(key="undo").disabled
    app.query_params["cut"] = "0.4"
    app.run()
    app.button(key="undo").click().run()
    assert link_of(app)["cut"] == "0.3" and app.button(key="undo").disabled
    assert not app.button(key="redo").disabled and not app.exception
