"""What ships of the bundled networks: what their pages open with, current, small, and as it is computed."""

import ast
import re
from itertools import chain

import numpy as np
import pandas as pd
import pytest

from pruning import models
from pruning.criteria import SCORED
from pruning.experiment import Recipe
from pruning.inspection import AccuracyNow
from pruning.inspection.preview import accuracy_now, scored
from pruning.shipped import building, provenance, questions, store
from pruning.shipped.building import difference, everything, stale
from pruning.shipped.encoding import header_of, packed, unpacked
from pruning.tasks import DEFAULT
from pruning.ui import preview_cache
from tests.page_door import open_page, said

PAIRS = models.bundled()
ANEW = "run python -m pruning.shipped; after a change that changes no value, add --verify"


# ---------------------------------------------------------------------------------------------- what ships


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_all_that_pages_open_with_ships_and_is_of_today_s_defaults_code_weights_and_versions(pair):
    """The defaults are in the keys. Walls of other criteria the app computes as far as they do not ship."""
    opened = list(chain(*questions.opening(*pair)[:4]))
    pictures = models.task_of(pair[0]).drawn_as == "pictures"  # they are large: one criterion's alone ship
    assert len(opened) >= 1 + 2 * (1 if pictures else len(SCORED)) + 3 + 10 + 7
    assert not [(question.place, why) for question, why in stale(*pair, opened)], ANEW
    assert {why for _, why in stale(*pair)} <= {"missing"}, ANEW


def test_it_is_small():
    assert sum(store.file_of(*pair).stat().st_size for pair in PAIRS) < 8 * 2**20


def test_a_few_values_drawn_anew_are_as_they_are_computed():
    pair, cheap = ("vgg16_slim", "scenes"), {"describe", "scored"}
    drawn = [
        question for question in building.sample(*pair, seed=3) if question.function.__qualname__ in cheap
    ]
    assert len(drawn) == len(cheap)
    for question in drawn:
        shipped = store.value(question.recipe, question.place)
        assert difference(shipped, building.answered(question)) <= building.DIFFER, question.place


OPENED = [("vgg16_slim", page) for page in ("1_Channels", "2_Prune", "4_Compress")]
OPENED += [("stargan_small", page) for page in ("2_Prune", "4_Compress")]


@pytest.mark.parametrize(("model", "page"), OPENED)
def test_a_bundled_network_s_page_opens_with_its_numbers_and_asks_nobody(model, page, server, monkeypatch):
    begun = []
    monkeypatch.setattr(
        preview_cache.jobs.Workers, "submit", lambda *call, **how: begun.append(call[3].criterion)
    )
    app = open_page(page, model=model, data=dict(PAIRS)[model])
    assert not app.exception and not app.error
    words = {"1_Channels": "channels, in", "2_Prune": "hold-out", "4_Compress": "on average"}
    assert words[page] in said(app) and not begun
    assert not re.search(r"Repaired by .* in \d", said(app))  # how long that took elsewhere says nothing here


# ------------------------------------------------------------------------------------------------ staleness


def test_comments_and_docstrings_are_no_change_and_another_number_is():
    code = '"""Says what."""\n\ndef half(x):\n    """Of it."""\n    return x / 2  # exact\n'
    same = "def half(x):\n\n    return (x / 2)\n"
    assert provenance.meaning(code) == provenance.meaning(same) != provenance.meaning(same.replace("2", "3"))
    assert "half" in provenance.meaning(code) and ast.parse(code)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty place for what ships, a few questions, and answers that are there at once."""
    monkeypatch.setattr(store, "ASSETS", tmp_path)
    monkeypatch.setattr(building, "opening", lambda *pair: [questions.opening(*pair)[0][:5]])
    monkeypatch.setattr(building, "answered", lambda question, watch=None: question.recipe.cut)
    yield tmp_path
    store.write(tmp_path / "none.zip", {})  # forgets what was read here


def test_another_default_other_code_other_weights_or_versions_make_it_stale(elsewhere, monkeypatch):
    pair = PAIRS[0]
    building.make([pair], told=lambda line: None)
    assert not stale(*pair)
    for changed in ({"code": "other"}, {"weights": ""}, {"versions": {"torch": "9"}}):
        monkeypatch.setattr(building, "stamp", lambda question, new=changed: provenance.stamp(question) | new)
        assert {why for _, why in stale(*pair)} == {f"another {next(iter(changed))}"}
    changed = questions.scores(Recipe(calibration=500))
    assert [why for _, why in stale(*pair, [changed])] == ["missing"]


def test_what_is_finished_is_kept_and_only_what_is_stale_is_computed(elsewhere, monkeypatch):
    pair, computed = ("resnet20", "digits"), []

    def answered(question, watch=None):
        if len(computed) == 3:
            raise KeyboardInterrupt
        computed.append(question.place)
        return 1

    monkeypatch.setattr(building, "answered", answered)
    with pytest.raises(KeyboardInterrupt):
        building.make([pair], told=lambda line: None)
    left = [question.place for question, _ in stale(*pair)]
    assert len(left) == len(everything(*pair)) - 3 and not set(left) & set(computed)


def test_a_change_that_changes_no_value_is_stamped_and_one_that_does_is_told(elsewhere, monkeypatch):
    pair = ("resnet20", "digits")
    building.make([pair], told=lambda line: None)
    monkeypatch.setattr(building, "stamp", lambda question: provenance.stamp(question) | {"code": "new"})
    assert len(stale(*pair)) == len(everything(*pair))
    assert building.verify(*pair, told=lambda line: None) == [] and not stale(*pair)
    monkeypatch.setattr(building, "stamp", lambda question: provenance.stamp(question) | {"code": "newer"})
    monkeypatch.setattr(building, "answered", lambda question, watch=None: question.recipe.cut + 1)
    assert building.verify(*pair, told=lambda line: None) and stale(*pair)


# ---------------------------------------------------------------------------------------------- as bytes


VALUES = (DEFAULT.name, 5, "hold-out", False, 0.8, 0.6, 0.6)


def test_values_come_back_as_they_were():
    recipe = Recipe(data="digits", criterion="catro", calibration=60, threads=1)
    scores = scored(recipe)
    value = {
        "now": AccuracyNow(*VALUES[:4], 0.8, 0.6, None, "match", 1.5, None, 0.1, ("told",)),
        "scores": scores,
        7: (np.arange(6.0).reshape(2, 3), np.array([True, False]), [None, -np.inf, "text"]),
        "table": pd.DataFrame({"layer": ["a", "b"], "bits": [2, 4], "inner": [True, False]}),
        "pictures": np.arange(70_000, dtype=np.uint8),
    }
    parts = packed(value, {"code": "x"})
    assert header_of(parts[""])["stamp"] == {"code": "x"} and len(parts) == 2  # the pictures stand apart
    again = unpacked(parts[""], parts)
    assert difference(value, again) == 0 and again["now"] == value["now"]
    group = next(iter(scores))
    assert again["scores"].tables[group].equals(scores.tables[group])
    assert (again["scores"].at_width(group, 3) == scores.at_width(group, 3)).all()
    assert not again["pictures"].flags.writeable


def test_only_what_is_listed_has_a_form():
    with pytest.raises(TypeError, match="no form"):
        packed(object(), {})
    with pytest.raises(TypeError, match="object"):
        packed(np.array([object()]), {})
    content = b'{"stamp":{},"long":[],"value":{"record":["Popen",{"args":"true"}]}}\n'
    with pytest.raises(KeyError):
        unpacked(content, {})


def test_a_difference_is_counted_and_time_is_none():
    one = AccuracyNow(*VALUES, "match", 1.5)
    assert difference(one, AccuracyNow(*VALUES, "match", 9.9)) == 0
    assert difference(one, accuracy_now) == 1
    assert difference([1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0000001, 5.0]) == 0.25
