"""Saved runs side by side: what they differ in, which images each gets wrong, and what can't be compared."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from pruning import Recipe
from pruning.comparison_statistics import compared
from pruning.experiment.report import load_report
from pruning.figures import side_by_side as figures
from pruning.figures.method_style import colour, look
from pruning.inspection.differing_choices import choices, in_words
from pruning.inspection.runs_side_by_side import side_by_side
from pruning.tasks import DEFAULT
from tests import side_by_side_runs
from tests.side_by_side_runs import LABELS, SAVED, saved


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return side_by_side_runs.two(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def of_other_metric(tmp_path_factory):
    return side_by_side_runs.of_other_metric(tmp_path_factory.mktemp("masks"))


def test_images_are_counted_by_who_gets_them_wrong(two):
    found = side_by_side(two)
    told = {row.wrong_in: (row.runs, row.images, row.share) for row in found.wrong.itertuples()}
    assert told == {"A alone": (1, 2, 0.2), "B alone": (1, 1, 0.1), "all": (2, 1, 0.1)}
    (pair,) = found.pairs.to_dict("records")
    assert (pair["wrong_in_both"], pair["wrong_in_either"], pair["same_answers"]) == (1, 4, 0.7)
    assert pair["same_channels"] == 1.0 and pair["differ_in"] == "criterion and epochs"
    right = [np.isin(np.arange(10), wrong, invert=True) for wrong in ((0, 1, 2), (2, 3))]
    statistics = {n: [{"classes": np.where(r, LABELS, 1 - LABELS)}] for n, r in zip("AB", right, strict=True)}
    family = compared(statistics, LABELS, DEFAULT)
    (row,) = family.table().to_dict("records")
    assert [pair[k] for k in ("difference", "low", "high")] == [row[k] for k in ("difference", "low", "high")]
    assert pair["difference"] == pytest.approx(-0.1) and found.family.sentences() == family.sentences()
    shares = found.classes.set_index(["run", "class"])["share"]
    assert shares.to_dict() == {("A", "even"): 0.6, ("A", "odd"): 0.8, ("B", "even"): 0.8, ("B", "odd"): 0.8}
    assert found.images["image"].tolist() == [0, 1, 3]  # image 2 is wrong in both
    assert found.images.loc[0].to_dict() == {"image": 0, "class": "even", "A": "odd", "B": "even"}
    assert "4 test images are wrong in one run or more, 1 of them in all; 2 in A alone, 1 in B alone." == (
        figures.wrong_in_words(found.wrong)
    )
    assert "class even: B gets 80.0 % of its 5 images right, A 60.0 %" in figures.classes_in_words(
        found.classes
    )


def test_stages_epochs_and_widths_are_the_reports(two):
    found = side_by_side(two)
    report = load_report(two[0][1])
    stages = found.stages[found.stages["run"] == "A"]
    assert stages["stage"].tolist() == ["baseline", "cut"] and stages["value"].tolist() == [1.0, 0.7]
    assert stages["macs"].tolist() == [report["macs"]["baseline"], report["macs"]["final"]]
    kept = found.kept[found.kept["run"] == "A"].set_index("group")
    assert {name: [r.before, r.after] for name, r in kept.iterrows()} == report["widths"]
    assert found.epochs[["run", "epoch", "value"]].values.tolist() == [["A", 1, 0.6], ["A", 2, 0.7]]
    assert "keep equally many channels" in figures.kept_in_words(found.kept) and not found.sentences


L1 = Recipe(criterion="l1")
DIFFER = {
    "one recipe": ([L1, L1], "These runs are of one recipe and one seed."),
    "seeds": ([L1, L1.but(seed=3)], "These runs are of one recipe under the seeds 0, 3."),
    "criterion": ([L1, Recipe(criterion="cpot", seed=1)], "differ in criterion alone, and have other seeds."),
    "what follows from gates": (
        [L1.but(epochs=2), Recipe(criterion="gdp", epochs=2, repair="none")],
        "differ in criterion alone.",
    ),
    "what follows from epochs": ([L1, L1.but(epochs=2, lr=0.01)], "differ in epochs alone."),
    "an option": (
        [Recipe(criterion="cpot"), Recipe(criterion="cpot", options={"temperature": 2.0})],
        "differ in temperature alone.",
    ),
    "two at once": (
        [L1, Recipe(criterion="cpot", allocation="global")],
        "differ in criterion and allocation at once, so no difference can be laid to one of them.",
    ),
    "the best combination": ([L1, Recipe()], "criterion, allocation and repair at once, so no"),
    "some in one": (
        [L1, L1.but(cut=0.3), Recipe(criterion="cpot", cut=0.3)],
        "can be laid to it: A and B (pruning ratio); B and C (criterion).",
    ),
    "none in one": (
        [L1, L1.but(cut=0.3, seed=1, repair="recalibrate"), Recipe(criterion="cpot", cut=0.4)],
        "every two of them in more than one, so no difference can be laid to one of them.",
    ),
}


@pytest.mark.parametrize("recipes, told", DIFFER.values(), ids=DIFFER)
def test_what_runs_differ_in(recipes, told):
    words = in_words("ABC", [choices(recipe) for recipe in recipes], [recipe.seed for recipe in recipes])
    assert words.endswith(told) or told in words


def test_a_control_is_another_choice_than_its_recipe():
    words = in_words("AB", [choices(L1), choices(L1, "new weights")], [0, 0])
    assert words == "These runs differ in what is trained from new weights alone."


def test_odd_runs_are_named_in_a_sentence_and_the_others_stay(two, tmp_path):
    half = shutil.copytree(two[1][1], tmp_path / "half")
    (half / "predictions.npz").unlink()
    found = side_by_side([two[0], ("gone", tmp_path / "gone"), ("half", half)])
    assert found.labels == ("A",) and len(found.stages) == 2 and found.pairs.empty and found.family is None
    assert [told.split(" ")[0] for told in found.sentences] == ["gone", "half", "Two"]
    assert side_by_side([]).labels == ()
    assert side_by_side([two[0], two[0]]).labels == ("A", "A (2)")


def test_runs_of_other_images_are_only_told_in_tables(two, tmp_path):
    found = side_by_side([*two, ("C", SAVED / "subtask")])
    assert len(found.pairs) == 1 and set(found.stages["run"]) == {"A", "B", "C"}
    assert "C had other test images" in found.sentences[0]
    split = saved(tmp_path / "split", (1,), baseline=(4, 5, 6), seed=1)  # a seed that splits data otherwise
    assert side_by_side([two[0], ("D", split)]).pairs.empty
    again = saved(tmp_path / "again", (1,), seed=1)  # under which the whole network says the same
    assert len(side_by_side([two[0], ("D", again)]).pairs) == 1


def test_runs_of_other_metrics_keep_their_own_and_share_no_axis(two, of_other_metric):
    found = side_by_side([of_other_metric, *two])
    assert {run: metric.name for run, metric in found.metrics.items()} == {
        "M": "mean IoU",
        "A": "accuracy",
        "B": "accuracy",
    }
    (told,) = [told for told in found.sentences if told.startswith("Their metrics differ")]
    assert "(mean IoU and accuracy): figures of one are not compared with those of another." in told
    for table in (found.stages, found.epochs):
        assert (table["metric"] == table["run"].map(lambda run: found.metrics[run].name)).all()
    assert not any("metrics differ" in told for told in side_by_side(two).sentences)


def test_a_run_looks_the_same_in_the_charts_of_every_metric():
    every = pd.DataFrame({"run": ["a", "b", "c"], "criterion": ["l1", "l1", "l1"]})
    whole = figures.looks(every)
    assert figures.looks(every.iloc[1:2], every) == {"b": whole["b"]} and whole["b"] != look("l1")


def test_other_networks_show_the_groups_that_they_share(two, tmp_path):
    other = saved(tmp_path / "other")
    report = json.loads((other / "report.json").read_text())
    report["widths"] = {"conv1": [16, 8], "layer1.0.conv1": [64, 8], "more": [8, 8]}
    (other / "report.json").write_text(json.dumps(report))
    found = side_by_side([two[0], ("O", other)])
    assert set(found.kept["group"]) == {"conv1"} and "Shown are the 1 channel group" in found.sentences[-1]
    assert "differ most in conv1: A keeps 16 of 16 channels, O 8" in figures.kept_in_words(found.kept)
    report["widths"] = {"more": [8, 8]}
    (other / "report.json").write_text(json.dumps(report))
    found = side_by_side([two[0], ("O", other)])
    assert found.kept.empty and "no channel group in common" in found.sentences[-1]


def test_a_run_has_its_criterion_s_colour_and_a_second_one_another_mark(two):
    runs = pd.DataFrame({"run": ["a", "b", "c"], "criterion": ["l1", "cpot", "l1"]})
    found = figures.looks(runs)
    assert list(found) == ["a", "b", "c"] and found["a"] == look("l1") and found["b"] == look("cpot")
    assert found["c"]["marker"]["color"] == colour("l1") and found["c"]["line"] != look("l1")["line"]
    assert found["c"]["marker"]["symbol"] != look("l1")["marker"]["symbol"]
    drawn = side_by_side(two)
    names = [trace.name for trace in figures.stages(drawn.stages, "accuracy", "share").data]
    assert names == ["A", "B"] and figures.kept(drawn.kept).data[1].marker.color == colour("cpot")
    (gap,) = figures.differences(drawn.pairs, "accuracy", "share").data
    assert gap.x.tolist() == pytest.approx([-10]) and list(gap.y) == ["A less B"]
    assert gap.error_x.array[0] == pytest.approx(100 * (drawn.pairs["high"][0] + 0.1), rel=1e-5)


def test_without_runs_every_figure_says_why():
    none = side_by_side([])
    made = [
        figures.stages(none.stages, "accuracy", "share"),
        figures.epochs(none.epochs, "accuracy", "share"),
    ]
    made += [figures.kept(none.kept), figures.wrong(none.wrong), figures.classes(none.classes)]
    made += [figures.differences(none.pairs, "accuracy", "share")]
    assert all(figure.layout.annotations[-1].text for figure in made)
