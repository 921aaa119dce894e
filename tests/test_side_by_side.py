"""Saved runs side by side: what they differ in, which images each gets wrong, and what can't be compared."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pruning import Recipe
from pruning.comparison_statistics import compared
from pruning.experiment.report import load_report
from pruning.figures import side_by_side as figures
from pruning.figures.method_style import colour, look
from pruning.inspection.differing_choices import choices, in_words
from pruning.inspection.runs_side_by_side import side_by_side
from pruning.tasks import DEFAULT, PIXELWISE
from pruning.ui.compare import run_letters
from tests.front_door import REPOSITORY

SAVED = REPOSITORY / "tests" / "saved" / "0.1"
CLASSES = ["even", "odd"]
LABELS = np.arange(10) % 2


def saved(folder: Path, wrong: tuple[int, ...] = (), baseline: tuple[int, ...] = (), **changes) -> Path:
    """A run as `run` saves it, with these images wrong in the end. changes: fields of its recipe."""
    shutil.copytree(SAVED / "plain", folder)
    report = json.loads((folder / "report.json").read_text())
    recipe = Recipe.from_dict(report["recipe"] | {"bits": None}).but(**changes)
    values = dict.fromkeys(report["values"] if "values" in report else report["accuracy"])
    values |= {"baseline": 1 - len(baseline) / 10, "cut": 1 - len(wrong) / 10}
    epochs = [
        {"epoch": k, "loss": 1.0, "holdout_loss": 2.0, "holdout_accuracy": 0.5 + 0.1 * k} for k in (1, 2)
    ]
    report |= {"recipe": recipe.to_dict(), "values": values, "accuracy": values, "classes": CLASSES}
    report |= {"history": epochs[: recipe.epochs], "gate_history": []}
    (folder / "report.json").write_text(json.dumps(report))
    arrays = {"labels": LABELS}
    for stage, rows in (("baseline", baseline), ("cut", wrong)):
        answer = LABELS.copy()
        answer[list(rows)] = 1 - answer[list(rows)]
        arrays |= {f"{stage}_classes": answer, f"{stage}_probabilities": np.full(10, 0.9, np.float32)}
    np.savez(folder / "predictions.npz", **arrays)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    place = tmp_path_factory.mktemp("two")
    one = saved(place / "a", (0, 1, 2), criterion="l1", epochs=2, repair="none")
    other = saved(place / "b", (2, 3), criterion="cpot", repair="none")
    return [("A", one), ("B", other)]


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


@pytest.fixture(scope="module")
def of_other_task(tmp_path_factory):
    """A run whose metric is another one, beside runs of classes."""
    folder = saved(tmp_path_factory.mktemp("masks") / "m", criterion="l1", epochs=2, data="scenes_masks")
    report = json.loads((folder / "report.json").read_text())
    epochs = [row | {"holdout_mean IoU": row["holdout_accuracy"]} for row in report["history"]]
    report |= {"task": PIXELWISE.name, "metric": asdict(PIXELWISE.metric), "history": epochs}
    (folder / "report.json").write_text(json.dumps(report))
    return ("M", folder)


def panel_of(runs):
    from pruning.ui.compare import side_by_side

    side_by_side.panel(runs)


def test_runs_of_other_metrics_keep_their_own_and_share_no_axis(two, of_other_task):
    found = side_by_side([of_other_task, *two])
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
    app = AppTest.from_function(panel_of, args=([of_other_task, *two],), default_timeout=600).run()
    said = [element.value for element in app.caption]
    assert not app.exception
    assert "Test mean IoU in the end: M 100.0 %." in said
    assert "Test accuracy in the end: A 70.0 %, B 80.0 %." in said
    drawn = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    axes = {}
    for figure in drawn:
        title = figure["layout"].get("yaxis", {}).get("title", {}).get("text")
        axes.setdefault(title, []).append([trace["name"] for trace in figure["data"] if "name" in trace])
    assert axes["test mean IoU (%)"] == [["M"]] and axes["test accuracy (%)"] == [["A", "B"]]
    assert axes["hold-out mean IoU (%)"] == [["M"]] and axes["hold-out accuracy (%)"] == [["A"]]


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


def test_the_panel_says_what_differs_and_what_it_is_worth(two):
    def page(runs):
        from pruning.ui.compare import side_by_side

        side_by_side.panel(runs)

    app = AppTest.from_function(page, args=(two,), default_timeout=600).run()
    said = " ".join(element.value for element in (*app.markdown, *app.caption))
    assert not app.exception and "criterion and epochs at once, so no difference can be laid" in said
    assert "A against B: no difference these images can show (-10.0 points" in said
    (fields,) = [table.value for table in app.dataframe if "Differs" in table.value]
    assert fields.values.tolist() == [["Criterion", "L1 norm", "CPOT"], ["Epochs", "2", "0"]]
    app = AppTest.from_function(page, args=([],), default_timeout=600).run()
    assert not app.exception and "Two runs or more" in app.info[0].value


LONG = "deeplabv3plus_small, scenes_masks, L1 norm, {} cut, uniform, batch norm recalibration, 0 epochs"


def test_long_names_are_letters_with_a_key_in_every_chart_and_table(two, of_other_task):
    names = [LONG.format(share) for share in ("30 %", "50 %", "70 %")]
    folders = [folder for _, folder in (*two, of_other_task)]
    app = AppTest.from_function(panel_of, args=(list(zip(names, folders, strict=True)),), default_timeout=600)
    app.run()
    assert not app.exception
    key = "\n".join(f"- **{letter}**: {name}" for letter, name in zip("ABC", names, strict=True))
    assert app.markdown[0].value == key  # and nowhere else
    rest = [element.value for kind in (app.markdown, app.caption, app.info) for element in kind][1:]
    tables = [table.value for table in app.dataframe]
    rest += [str(one.columns.tolist() + one.to_numpy().tolist()) for one in tables]
    assert not any(name in text for text in rest for name in names)
    assert any("A 70.0 %, B 80.0 %" in text for text in rest)
    assert any(one.columns.tolist() == ["Differs", "A", "B", "C"] for one in tables)
    drawn = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    ticks = [str(name) for one in drawn for trace in one["data"] for name in trace.get("y", ()) if name]
    assert "A less B" in ticks and max(map(len, ticks)) < 20
    legends = [trace for one in drawn for trace in one["data"] if "name" in trace]
    assert {trace["name"] for trace in legends} == set("ABC")
    for trace in legends:  # a chart that is taken away tells them in its hover
        assert names["ABC".index(trace["name"])] in trace["hovertemplate"].replace("<br>", " ")


def test_short_names_are_written_out(two):
    assert run_letters.key(["30 % cut, L1 norm", "30 % cut, CPOT"]) == {}
    assert list(run_letters.key([f"seed {seed}" for seed in range(8)])) == list("ABCDEFGH")
