"""The Recipe: checked when made, and the same record as JSON, link, flags and Python."""

import json
import shlex

import pytest
from hypothesis import given, settings
from hypothesis.strategies import booleans, builds, floats, integers, just, sampled_from, tuples

from pruning.criteria import CRITERIA
from pruning.experiment import Recipe, recipe_fields
from pruning.flags import recipe_of

BEST = {"criterion": "reconstruction", "allocation": "error", "repair": "match"}
OPTIONS = {
    "cpot": {"temperature": 2.0, "ground": "spatial"},
    "di": {"form": "exact", "one_shot": True},
    "catro": {"gamma": 0.0, "pooled": True, "labels": "shuffled"},
}
recipes = builds(
    lambda criterion, own, allocation, **fields: Recipe(
        criterion=criterion,
        options=OPTIONS.get(criterion, {}) if own else {},
        allocation=None if criterion == "gdp" and allocation == "error" else allocation,
        **fields,
    ),
    criterion=sampled_from([None, *sorted(CRITERIA)]),
    own=booleans(),
    cut=floats(0, 0.99),
    measure=sampled_from(["macs", "params", "channels"]),
    allocation=sampled_from([None, "uniform", "global", "error"]),
    groups=sampled_from(["inner", "all"]),
    repair=sampled_from([None, "none", "recalibrate", "reconstruct", "match"]),
    match_steps=sampled_from([None, 7]),
    protect=sampled_from([(), ("layer1.0.conv1",), ("conv1", "layer2.0.conv2#2")]),
    cut_group=sampled_from([(), (("layer3.0.conv1", 0.25),), (("a", 0.5), ("b", 0.0))]),
    size=sampled_from([None, 32, 224]),
    epochs=integers(0, 5),
    seed=integers(0, 3),
    lr=floats(1e-4, 1.0),
    threads=integers(1, 4),
    checkpoint=sampled_from([None, "none", "some file.pth"]),
)


@settings(deadline=None)
@given(recipes)
def test_json_and_link_bring_back_the_same_recipe(recipe):
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_query(recipe.to_query()) == recipe
    assert hash(Recipe.from_json(recipe.to_json())) == hash(recipe)
    assert set(json.loads(recipe.to_json())) == set(Recipe.__dataclass_fields__)


@settings(deadline=None)
@given(recipes)
def test_python_text_makes_the_same_recipe(recipe):
    import pruning

    line = next(line for line in recipe.python().splitlines() if "Recipe(" in line)
    made = eval(
        line.partition("pruning.run(")[2][:-1], {"pruning": pruning}
    )  # the text that a user would paste
    assert made == recipe


@settings(deadline=None, max_examples=40)
@given(recipes)
def test_the_command_line_makes_the_same_recipe(recipe):
    assert recipe_of(parsed(recipe.command_line())) == recipe


def parsed(line: str) -> dict:
    """What the command line takes from a line that a user would paste."""
    from pruning.__main__ import app

    command, bound, _ = app.parse_args(shlex.split(line)[3:], exit_on_error=False, print_error=False)
    typed = {name: value for name, value in bound.arguments.items() if value is not None}
    assert typed.pop("out").name == "pruned"
    return typed


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"cut": 1.5}, "0.5"),
        ({"cut": -0.1}, "0.5"),
        ({"cut": float("nan")}, "0.5"),
        ({"cut": "half"}, "0.5"),
        ({"cut": True}, "0.5"),
        ({"criterion": "l3"}, "'l2'|'l1'"),
        ({"measure": "mac"}, "'macs'"),
        ({"epochs": -1}, "0 or more"),
        ({"epochs": 1.5}, "whole number"),
        ({"seed": -1}, "seed"),
        ({"calibration": 1}, "2 or more"),
        ({"lr": 0}, "above 0"),
        ({"protect": "conv1"}, "list"),
        ({"cut_group": (("conv1", 1.5),)}, "conv1"),
        ({"cut_group": ("conv1",)}, "mappings"),
        ({"options": {"gamma": 1}}, "option of catro"),
        ({"max_cut_per_group": 1.2}, "max_cut_per_group"),
        ({"size": 4}, "8 or more"),
        ({"model": ""}, "model"),
        ({"model": []}, "give a name"),
        ({"model": "net.py:net", "code": 5}, "code"),
        ({"allocation": "gates"}, "l1 trains no gates"),
        ({"gate_epochs": 2, "epochs": 2}, "trains no gates"),
        ({"gate_epochs": 3, "epochs": 2, "criterion": "gdp"}, "more than epochs, 2"),
        ({"allocation": "greedy", "criterion": "gdp"}, "gates, uniform or global"),
        ({"allocation": "error", "criterion": "gdp"}, "gates, uniform or global"),
        ({"repair": "reconstrukt"}, "'reconstruct'"),
        ({"match_steps": 0}, "1 or more"),
        ({"options": {"gate_rate": 0}, "criterion": "gdp"}, "above 0"),
    ],
)
def test_a_wrong_field_is_one_sentence(fields, told):
    with pytest.raises(ValueError, match=told):
        Recipe(**fields)


def combination(recipe: Recipe) -> dict[str, str]:
    return {name: getattr(recipe, name) for name in BEST}


def test_criterion_allocation_and_repair_all_unsaid_are_the_best_combination():
    for recipe in (Recipe(), Recipe(cut=0.3, measure="channels", epochs=2, subtask=(3, 5), groups="all")):
        assert combination(recipe) == BEST and recipe.best and recipe.match_steps == 200
    plain = {"criterion": "l1", "allocation": "uniform", "repair": "none"}
    for name, value in BEST.items():  # one of them said
        assert combination(Recipe(**{name: value})) == plain | {name: value}
    assert combination(Recipe(criterion="gdp")) == plain | {"criterion": "gdp", "allocation": "gates"}


@pytest.mark.parametrize("repair", ["none", "recalibrate", "match"])
@pytest.mark.parametrize("allocation", ["uniform", "error"])
@pytest.mark.parametrize("criterion", ["l1", "reconstruction"])
def test_every_combination_is_told_by_link_and_flags(criterion, allocation, repair):
    recipe = Recipe(criterion=criterion, allocation=allocation, repair=repair)
    assert Recipe.from_query(recipe.to_query()) == recipe == recipe_of(parsed(recipe.command_line()))
    assert bool(recipe.to_query()) != recipe.best  # a link that says nothing is the best combination
    for name in BEST:
        said = name == "criterion" or recipe.best or combination(recipe)[name] not in ("uniform", "none")
        assert (f"--{name}" in recipe.flags()) == (f"{name}=" in recipe.python()) == said


def test_what_is_changed_leaves_the_rest_of_the_combination():
    best, plain = Recipe(), Recipe(criterion="l1")
    assert combination(best.but(criterion="di")) == BEST | {"criterion": "di"}
    assert combination(best.but(allocation="uniform")) == BEST | {"allocation": "uniform"}
    assert best.but(repair="none").but(repair="match") == best == plain.but(**dict.fromkeys(BEST))
    assert best.but(criterion="gdp", epochs=2) == Recipe(criterion="gdp", epochs=2)  # trained, not mended
    assert Recipe(criterion="gdp").but(criterion="l1") == plain


def test_steps_of_matching_go_with_the_matching():
    recipe = Recipe(match_steps=7)
    assert recipe.but(cut=0.3).match_steps == 7 and recipe.to_query() == {"match_steps": "7"}
    assert recipe.but(repair="reconstruct") == Recipe().but(repair="reconstruct")
    unmatched = Recipe(repair="reconstruct")
    assert Recipe.from_dict(unmatched.to_dict() | {"match_steps": 100}) == unmatched  # as 0.1 wrote it
    assert unmatched.but(repair="match") == Recipe(repair="match")


def test_what_is_unsaid_of_gates_follows_the_criterion_and_the_epochs():
    plain, gated = Recipe(criterion="l1", epochs=7), Recipe(criterion="gdp", epochs=7)
    assert (plain.allocation, plain.gate_epochs, plain.tune_epochs) == ("uniform", None, 7)
    assert (gated.allocation, gated.gate_epochs, gated.tune_epochs) == ("gates", 5, 2)  # 60 %, rounded up
    assert gated.but(epochs=10).gate_epochs == 6 and gated.differences() == {
        **{"criterion": "gdp", "epochs": 7, "options": {}}
    }
    assert gated.but(criterion="l1") == plain and plain.but(criterion="gdp") == gated
    assert Recipe(allocation="greedy").but(criterion="gdp").allocation == "gates"
    said = Recipe(criterion="gdp", epochs=7, gate_epochs=1, allocation="global")
    assert said.but(epochs=9) == Recipe(criterion="gdp", epochs=9, gate_epochs=1, allocation="global")
    assert said.but(criterion="di") == Recipe(criterion="di", epochs=7)
    for recipe in (gated, said, gated.but(gate_epochs=7)):
        assert Recipe.from_query(recipe.to_query()) == recipe == Recipe.from_json(recipe.to_json())


def test_the_rate_follows_the_repair_unless_it_is_said():
    best, plain = Recipe(epochs=2), Recipe(criterion="l1", epochs=2)
    assert best.lr < plain.lr == Recipe(criterion="l1", repair="recalibrate").lr
    assert best.lr == Recipe(criterion="l1", repair="reconstruct").lr
    assert best.but(repair="none").lr == plain.lr and plain.but(repair="match").lr == best.lr
    assert Recipe(criterion="gdp", epochs=2, repair="match").lr == plain.lr  # it trains the gates as well
    assert "lr" not in best.to_query() and best.to_dict()["lr"] == best.lr  # resolved where it is recorded
    said = Recipe(epochs=2, lr=0.2)
    assert said.but(repair="none").lr == said.but(criterion="gdp").lr == 0.2 and "--lr" in said.flags()
    old = Recipe.from_json('{"repair": "match", "lr": 0.05}')  # before rates followed repairs
    assert old.lr == 0.05 and Recipe.from_query(old.to_query()) == old


@pytest.mark.parametrize("text", ["[1, 2]", "not json", b"\xff\x00", '{"cutt": 0.5}', '{"criterion": "l3"}'])
def test_a_wrong_file_is_one_sentence(text):
    with pytest.raises(ValueError):
        Recipe.from_json(text)


@pytest.mark.parametrize(
    "query",
    [
        {"cut": "much"},
        {"cut": "2"},
        {"epochs": "1.5"},
        {"critreion": "l1"},
        {"gamma": "1"},
        {"cut_group": "a"},
    ],
)
def test_a_wrong_link_is_one_sentence(query):
    with pytest.raises(ValueError):
        Recipe.from_query(query)


@given(tuples(just("l1"), sampled_from(["cpot", "di"])))
def test_another_criterion_starts_from_its_own_options(pair):
    before, after = pair
    recipe = Recipe(criterion=after, options=OPTIONS[after]).but(criterion=before).but(criterion=after)
    assert recipe == Recipe(criterion=after)
    assert recipe.but(cut=0.3).cut == 0.3 and recipe.digest() != recipe.but(cut=0.3).digest()


@pytest.mark.parametrize(
    "given, digest",
    [
        ({}, "8e37811751"),
        ({"criterion": "gdp"}, "08f4bb01aa"),
        (
            dict(criterion="l1", threads=2, cut=0.7, allocation="greedy", protect=("layer1.0.conv1",)),
            "69591d0988",
        ),
    ],
)
def test_recipes_keep_their_digest_when_fields_are_added(given, digest):
    assert Recipe(**{"threads": 1, "device": "cpu"} | given).digest() == digest


def test_a_field_added_later_counts_once_it_is_used(monkeypatch):
    plain, other = Recipe(), Recipe(calibration=500)
    before = plain.digest(), other.digest()
    later = (*recipe_fields.ADDED_LATER, "calibration")
    monkeypatch.setattr("pruning.experiment.recipe.ADDED_LATER", later)
    assert other.digest() == before[1] and plain.digest() not in before
