"""The panel of runs side by side: what it says, which charts it draws, and what runs are called in them."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from pruning.ui.compare import run_letters
from tests import side_by_side_runs
from tests.side_by_side_runs import saved


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return side_by_side_runs.two(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def of_other_metric(tmp_path_factory):
    return side_by_side_runs.of_other_metric(tmp_path_factory.mktemp("masks"))


def panel_of(runs):
    from pruning.ui.compare import side_by_side

    side_by_side.panel(runs)


def test_runs_of_other_metrics_share_no_axis(two, of_other_metric):
    app = AppTest.from_function(panel_of, args=([of_other_metric, *two],), default_timeout=600).run()
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


def test_no_chart_is_drawn_of_what_there_is_not(two, tmp_path):
    other = saved(tmp_path / "other", epochs=0)
    report = json.loads((other / "report.json").read_text())
    report["widths"] = {"more": [8, 8]}
    (other / "report.json").write_text(json.dumps(report))
    app = AppTest.from_function(panel_of, args=([two[1], ("O", other)],), default_timeout=600).run()
    assert not app.exception and any("no channel group in common" in told.value for told in app.info)
    charts = [chart.proto for chart in app.get("plotly_chart")]
    assert "Each run's stages" in [chart.alt for chart in charts]
    assert not any("kept" in chart.alt or "epochs" in chart.alt for chart in charts)
    assert not any(
        json.loads(chart.spec)["layout"].get("xaxis", {}).get("visible") is False for chart in charts
    )


LONG = "deeplabv3plus_small, scenes_masks, L1 norm, {} cut, uniform, batch norm recalibration, 0 epochs"


def test_long_names_are_letters_with_a_key_in_every_chart_and_table(two, of_other_metric):
    names = [LONG.format(share) for share in ("30 %", "50 %", "70 %")]
    folders = [folder for _, folder in (*two, of_other_metric)]
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
