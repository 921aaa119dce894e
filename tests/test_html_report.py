"""report.html: what it says is what was saved, whatever the names are; its figures show what tables hold."""

import csv
import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from pruning import Recipe
from pruning.__main__ import app, main
from pruning.figures.comparison import factor_in_words
from pruning.figures.structure import structure
from pruning.figures.training import training
from pruning.html_report.comparison_report import comparison_html
from pruning.html_report.comparison_tables import PAIRS, ROWS
from pruning.html_report.comparison_words import in_page_terms
from pruning.html_report.drawing import drawn
from pruning.html_report.run_report import run_html
from pruning.runs.comparison_text import LISTS, command_line
from pruning.runs.product import Comparison
from pruning.tasks import DEFAULT
from pruning.terms import title
from tests.front_door import REPOSITORY
from tests.reported import Read, expected_of_run

SAVED = REPOSITORY / "tests" / "saved" / "0.1"
SHIPPED = REPOSITORY / "assets" / "comparisons" / "scenes"
EVIL = "<script>alert(1)</script>\"'&"


def rows(folder: Path) -> list[dict]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", ["plain", "gates", "latency", "subtask"])
def test_a_run_s_page_says_what_its_report_says(name, tmp_path, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["report", str(SAVED / name), "--out", str(tmp_path / "new" / "page.html")])
    assert str(tmp_path / "new" / "page.html") in capsys.readouterr().out
    page = (tmp_path / "new" / "page.html").read_text()
    report, read = json.loads((SAVED / name / "report.json").read_text()), Read(page)
    wanted = expected_of_run(report)
    assert {k: read.numbers[k][0][0] for k in wanted} == wanted
    stage = [stage for stage, value in report["accuracy"].items() if value is not None][-1]
    assert read.numbers[f"values.{stage}"][0][1] == f"{100 * report['accuracy'][stage]:.1f} %"
    assert all(message in read.text for message in report["messages"])
    if report["gates"]:
        assert float(read.numbers["gates.between"][0][0]) == report["gates"]["between"]
    assert Recipe.from_dict(report["recipe"]).command_line() in read.text
    assert len(page) < 150_000 and read.tags.count("svg") >= 4 and "script" not in read.tags


def test_whatever_names_say_it_is_text(tmp_path):
    folder = shutil.copytree(SAVED / "plain", tmp_path / "run")
    report = json.loads((folder / "report.json").read_text())
    old, report["classes"][0] = report["classes"][0], EVIL
    report["per_class"] = {
        stage: {EVIL if name == old else name: share for name, share in shares.items()}
        for stage, shares in report["per_class"].items()
    }
    report["messages"] = [EVIL]
    report["recipe"]["data"] = f"/data/{EVIL}.npz"
    (folder / "report.json").write_text(json.dumps(report))
    with np.load(folder / "predictions.npz") as kept:
        image = int(np.flatnonzero((kept["labels"] == 0) & (kept["quantized_classes"] != 0))[0])
    picture = {image: np.zeros((32, 32, 3), np.uint8)}
    page = run_html(folder, picture)
    read = Read(page)
    assert not {"script", "b onerror"} & set(read.tags) and "<script" not in page
    assert read.text.count(EVIL) >= 4 and read.tags.count("img") <= 1
    out = shutil.copytree(SHIPPED, tmp_path / "compared")
    kept = (out / "results.csv").read_text().splitlines()
    row = dict(zip(kept[0].split(","), kept[1].split(","), strict=True))
    row |= {"status": "failed", "error": EVIL, "criterion": f"l1:{EVIL}", "run": EVIL}
    with (out / "results.csv").open("a", newline="") as file:
        csv.DictWriter(file, list(row)).writerow(row)
    (out / "sentences.txt").write_text(EVIL)
    page = comparison_html(out)
    assert "<script" not in page and Read(page).text.count(EVIL) >= 2 and "What could not be done" in page


def test_a_comparison_s_page_says_what_its_tables_say():
    page = comparison_html(SHIPPED)
    read, told = Read(page), rows(SHIPPED)[:ROWS]
    assert len(told) > 100
    for row in told:
        for name in ("accuracy_baseline", "accuracy_cut", "accuracy_repaired", "macs_final", "latency_final"):
            if row[name]:
                assert float(read.numbers[f"{row['run']}.{name}"][0][0]) == float(row[name])
    table = pd.read_csv(SHIPPED / "results.csv")
    last = table["accuracy_repaired"].fillna(table["accuracy_cut"])
    choices = last.groupby([table[name] for name in ("model", "data", "criterion", "allocation", "repair")])
    means = [float(v[0][0]) for name, v in read.numbers.items() if name.endswith(".accuracy")]
    assert sorted(means) == pytest.approx(sorted(choices.mean().dropna()))
    with (SHIPPED / "differences.csv").open(newline="") as file:
        pairs = list(csv.DictReader(file))
    assert [value for value, _ in read.numbers["pair.difference"]] == [
        row["difference"] for row in pairs[:PAIRS]
    ]
    shares = {name: float(v[0][0]) for name, v in read.numbers.items() if name.endswith(".share")}
    assert max(shares, key=shares.get) == "repair.share" and sum(shares.values()) == pytest.approx(1)


ASKED = {
    "lists": Comparison(
        criteria=("l1", "cpot:temperature=2"), cuts=(0.3, 0.55), seeds=(0, 2), controls="all"
    ),
    "settings": Comparison(datasets=("a b.npz",), settings={"match_steps": 20, "checkpoint": "none"}),
    "nothing": Comparison(),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_the_command_of_a_comparison_asks_for_it_again(asked):
    _, bound, _ = app.parse_args(shlex.split(command_line(asked, "out"))[3:])
    given = {name: value for name, value in bound.kwargs.items() if value is not None}
    assert given.pop("out") == Path("out")
    controls, lists = given.pop("controls", None), {name: given.pop(name) for name in LISTS if name in given}
    assert Comparison(**lists, controls=controls, settings=given) == asked


def test_what_no_flag_says_is_no_command():
    assert not command_line(Comparison(recipes=(Recipe(cut=0.3).to_dict(),)))
    assert not command_line(Comparison(settings={"bits": 3}))


def test_a_repair_s_title_is_left_as_it_is_where_a_criterion_has_that_name():
    asked = Comparison(criteria=("l1", "reconstruction"), repairs=("reconstruct", "none"))
    told = in_page_terms("repair reconstruct: l1 is ahead of reconstruction", asked)
    head, rest = told.split(": ")
    assert head.lower() == factor_in_words("repair", "reconstruct").lower()
    assert "reconstruction" in head and title("reconstruction") in rest and "L1 norm" in rest


@pytest.mark.parametrize("words, why", [("{here}", "holds no report"), ("{here}/gone", "holds no report")])
def test_a_folder_without_a_run_is_one_sentence(words, why, tmp_path, capsys):
    assert main(["report", words.format(here=tmp_path)]) == 2
    assert why in capsys.readouterr().err and not list(tmp_path.iterdir())


WRONG = {  # a place in report.json, what stands there, and what is said of it
    ("latency_ms", "spread", "final", 0): ("x", "latency_ms.spread.final[0] is 'x', and should be a number"),
    ("macs", "baseline"): (None, "macs.baseline is null, and should be a number"),
    ("widths", "conv1"): ([16], "widths.conv1 is a list, and should be a list of 2"),
    ("correct", "cut"): (None, "correct says nothing of cut"),
    ("per_class",): ({}, "per_class says nothing of baseline"),
    ("seconds",): (5, "seconds is 5, and should be an object"),
}


@pytest.mark.parametrize("place", WRONG)
def test_a_report_with_words_for_numbers_is_one_sentence(place, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(SAVED / "plain", folder)
    report = json.loads((folder / "report.json").read_text())
    inside = report
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]], why = WRONG[place]
    (folder / "report.json").write_text(json.dumps(report))
    assert main(["report", str(folder)]) == 2
    told = capsys.readouterr().err
    assert why in told and len(told.splitlines()) == 1 and not (folder / "report.html").exists()


# --------------------------------------------------------------------------------------------- the drawings


def attributes(page: str, tag: str) -> list[dict[str, str]]:
    from xml.etree import ElementTree

    return [
        dict(one.attrib) | {"told": one.findtext("title")} for one in ElementTree.fromstring(page).iter(tag)
    ]


def test_bars_are_as_long_as_their_numbers():
    widths = pd.DataFrame({"group": ["a", "b"], "before": [40, 20], "after": [10, 20], "tied_to": ["", "c"]})
    widths["share_cut"] = 1 - widths["after"] / widths["before"]
    bars = [bar for bar in attributes(drawn(structure(widths), "x"), "rect") if bar["told"]]
    length = {bar["told"].split(":")[0] + bar["fill"]: float(bar["width"]) for bar in bars}
    assert (
        len(length) == 3
        and "b: 20 of 20 channels kept (0.0 % cut)\npruned together with c" in bars[0]["told"]
    )
    b, a, gone = (float(bar["width"]) for bar in bars)
    assert (b / a, gone / a) == (pytest.approx(2, rel=0.01), pytest.approx(3, rel=0.01))
    assert float(bars[2]["x"]) == pytest.approx(float(bars[1]["x"]) + a, abs=0.2)  # one on another


def test_points_stand_where_their_numbers_are_on_either_axis():
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "holdout_loss": [2.0, 2.0, 2.0]})
    history = history.assign(holdout_accuracy=[0.2, 0.4, 0.6], kept=[False, False, True])
    marks = [
        one for one in attributes(drawn(training(history, DEFAULT.metric), "x"), "circle") if one["told"]
    ]
    ys = np.array([float(one["cy"]) for one in marks]).reshape(3, 3)
    assert ys[0, 1] - ys[0, 0] == pytest.approx(ys[0, 2] - ys[0, 1], abs=0.2) and ys[0, 2] > ys[0, 0]
    assert (np.diff(ys[1]) == 0).all() and ys[2, 0] > ys[2, 1] > ys[2, 2]
    assert marks[8]["told"] == "hold-out accuracy: epoch 3: 60 %"


ODD = {
    "heatmap": go.Figure(go.Heatmap(z=[[1]])),
    "upright bars": go.Figure(go.Bar(x=["a"], y=[1])),
    "a log axis": go.Figure(layout={"xaxis_type": "log"}),
    "vh lines": go.Figure(go.Scatter(x=[1], y=[1], line={"shape": "vh"})),
    "xaxis x2": go.Figure(go.Scatter(x=[1], y=[1], xaxis="x2")),
}


@pytest.mark.parametrize("what", ODD)
def test_what_can_not_be_drawn_is_refused(what):
    with pytest.raises(ValueError, match=what):
        drawn(ODD[what], "x")
