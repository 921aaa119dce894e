"""The Prune page as it comes out of real workers; no browser, so no timer: a test looks again by itself."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from pruning import Recipe
from pruning.inspection import describe
from pruning.inspection.tradeoff import COARSE
from pruning.runs import RunStore
from pruning.terms import percent
from pruning.ui import jobs
from pruning.ui.prune import accuracy_questions, controls
from tests.front_door import typed
from tests.page_door import look_until, open_page, said

LINK = {"data": "digits", "calibration": "60", "threads": "1"}
PLAIN = {"criterion": "l1"}  # the rest of the best combination takes longer


def open_prune(**link) -> AppTest:
    return open_page("2_Prune", **(PLAIN | link if link else {}))


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def counted(app: AppTest) -> bool:
    return "before any training" in said(app) and "Measuring" not in said(app)


def test_costs_widths_and_accuracy_follow_the_recipe(server):
    app = look_until(open_prune(**LINK, cut="0.5"), counted)
    before = figures(app)
    assert before["MACs"] == "20.3 M" and before["Full network"].endswith("%")
    assert "channels are cut in 9 groups" in said(app)
    app.slider(key="widget cut").set_value(20)
    look_until(app.run(), counted)
    assert figures(app)["MACs"].startswith("32.") and figures(app)["Full network"] == before["Full network"]
    assert app.query_params["cut"] in ("0.2", ["0.2"])


def test_a_pair_without_weights_is_said_before_a_run_is_asked_for(server):
    app = look_until(open_prune(**LINK | {"model": "vgg16_slim"}), lambda app: app.error)
    (start,) = [button for button in app.button if button.label == "Prune"]
    assert start.disabled and "no bundled weights for VGG-16 slim on digits" in start.help
    assert "no trained weights" in app.error[0].value and "How fast" not in said(app)


def test_a_target_out_of_reach_is_one_sentence_and_the_controls_stay(server):
    app = look_until(open_prune(**LINK, cut="0.95"), lambda app: app.error)
    assert len(app.error) == 1 and "out of reach" in app.error[0].value
    app.slider(key="widget cut").set_value(30)
    look_until(app.run(), counted)
    assert not app.error


def test_whole_blocks_go_by_a_switch_and_an_allocation_that_weighs_nothing_turns_it_off(server):
    link = LINK | {"cut": "0.93", "allocation": "global", "blocks": "True"}
    app = look_until(open_prune(**link), lambda app: "channels are cut" in said(app))
    assert "Whole blocks: layer" in said(app) and "block layer2.1 closed" in said(app)
    assert app.toggle(key="widget blocks").value
    allocation = app.selectbox(key="widget allocation")
    allocation.select("uniform").run()
    assert app.toggle(key="widget blocks").disabled and "blocks" not in app.query_params


def test_nothing_is_fine_tuned_unless_asked_for(server):
    """After the default repair no rate was worth its epochs: docs/repair.md."""
    app = open_prune()
    assert "Prune" in [button.label for button in app.button] and "epochs" not in app.query_params
    app.number_input(key="widget epochs").set_value(1).run()
    assert "Prune and fine-tune" in [button.label for button in app.button]


def test_a_protected_group_and_a_share_of_its_own_are_taken_from_the_link(server):
    app = open_prune(**LINK, size="16", cut="0.3", protect="layer1.0.conv1", cut_group="layer1.1.conv1=0.75")
    look_until(app, counted)
    assert "the largest share in layer1.1.conv1 (4 of 16 are kept)" in said(app)
    assert app.multiselect(key="widget protect").value == ["layer1.0.conv1"]
    (table,) = [table.value for table in app.dataframe if "own" in table.value]
    own = table.set_index("group")["own"]
    assert own["layer1.1.conv1"] == 75 and own.count() == 1 and len(own) == 12


def test_the_table_of_own_shares_is_the_recipe_s_before_and_after_an_edit():
    structure = describe(Recipe(data="digits", threads=1)).structure
    given = (("gone", 0.5), ("layer1.0.conv1", 1 / 3), ("layer1.0.conv2", 0.2))  # the last writes conv1's
    table = controls.override_table(structure, given)
    rows = {name: row for row, name in enumerate(table["group"])}
    assert table["own"][rows["conv1"]] == 20 and table["channels"][rows["layer3.0.conv1"]] == 64
    assert controls.overridden(table, {}) == given  # to the last digit, under the names that it came with
    edits = {rows["gone"]: {"own": None}, rows["conv1"]: {"own": 30}, rows["layer3.0.conv1"]: {"own": 12.5}}
    after = (("conv1", 0.3), ("layer1.0.conv1", 1 / 3), ("layer3.0.conv1", 0.125))
    assert controls.overridden(table, edits) == after == Recipe(cut_group=after).cut_group


def test_a_job_is_in_the_link_outlives_its_session_and_is_the_command_line_s_run(server, tmp_path):
    app = look_until(
        open_prune(**LINK, size="16", cut="0.4", criterion="l2", repair="recalibrate", epochs="1"), counted
    )
    press(app, "Prune and fine-tune")
    (id,) = [job.id for job in jobs.workers().jobs("job")][:1]
    assert app.query_params["job"] in (id, [id])
    again = open_prune(**LINK, size="16", cut="0.4", criterion="l2", job=id)  # a reload is a new session
    look_until(again, lambda app: "Done, L2 norm" in said(app))
    assert {"Repaired", "Fine-tuned", "Measured time", "Same answers"} <= set(figures(again))
    assert {"What changed", "What both networks look at"} <= {heading.value for heading in again.subheader}
    report = jobs.workers().job(id).result().report
    assert figures(again)["Fine-tuned"] == percent(report["accuracy"]["tuned"])
    assert f"**Test accuracy**, on {report['test_images']} test images" in said(again)
    command = again.code[-1].value
    assert "python -m pruning run --model resnet20 --data digits --criterion l2" in command
    ran = typed(["bash", "-euc", command.replace("--out pruned", "--out mine")], tmp_path)
    assert ran.returncode == 0, ran.stderr
    mine = json.loads((tmp_path / "mine" / "report.json").read_text())
    for part in ("accuracy", "correct", "macs", "parameters", "widths", "flips", "agreement", "recipe"):
        assert mine[part] == report[part]  # to the last digit
    store = RunStore()
    (kept,) = [
        run for run in store.runs() if run.params.get("size") == "16" and run.params["criterion"] == "l2"
    ]
    assert kept.status == "finished" and kept.metrics["tuned"] == report["values"]["tuned"]
    store.close()
    press(again, "Use its settings")
    assert again.query_params["epochs"] in ("1", ["1"])


def test_a_job_is_cancelled(server):
    app = press(open_prune(**LINK, size="16", epochs="50"), "Prune and fine-tune")
    look_until(app, lambda app: any(button.label == "Cancel" for button in app.button))
    press(app, "Cancel")
    look_until(app, lambda app: "This job was cancelled." in said(app))
    assert not [button for button in app.button if button.label == "Cancel"]


def test_a_job_that_fails_is_one_sentence(server):
    app = press(open_prune(**LINK, cut="0.95"), "Prune")
    look_until(app, lambda app: any("(ResNet-20 on digits" in error.value for error in app.error))
    assert not app.exception


@pytest.mark.parametrize(
    "recipe, epochs",
    [
        (Recipe(data="digits"), False),
        (Recipe(data="digits", bits=4, bits_epochs=0), False),
        (Recipe(data="digits", epochs=2), True),
        (Recipe(data="digits", bits=4, bits_epochs=2), True),
    ],
)
def test_of_epochs_nothing_is_drawn_where_there_are_none(recipe, epochs):
    def page(recipe):
        from types import SimpleNamespace

        from pruning.ui.prune import run_job

        run_job.curves(SimpleNamespace(events=[], arguments=(recipe,)))

    app = AppTest.from_function(page, args=(recipe,), default_timeout=600).run()
    charts = [chart.proto.alt for chart in app.get("vega_lite_chart")]
    assert not app.exception and charts[-1] == "Accuracy against MACs"
    assert charts[:-1] == (["Training loss", "Hold-out accuracy"] if epochs else [])
    assert ("After each epoch" in said(app)) == epochs and "only used after each stage" in said(app)


def test_an_old_link_s_job_is_unknown_and_can_be_closed(server):
    app = open_prune(**LINK, job="0badcafe")
    assert "has no job 0badcafe" in app.warning[0].value
    press(app, "Close")
    assert "job" not in app.query_params and any(button.label == "Prune" for button in app.button)


def searched(app: AppTest) -> bool:
    return "was cut first" in said(app) and counted(app)


def test_a_greedy_search_is_asked_for_stopped_and_its_path_drawn(server):
    link = LINK | {"allocation": "greedy", "search_images": "16", "cut": "0.05", "repair": "recalibrate"}
    app = look_until(open_prune(**link), lambda app: any(b.label == "Search" for b in app.button))
    assert figures(app)["MACs"] == "–" and "Known once the search has ended" in said(app)
    press(app, "Search")
    look_until(app, searched)
    assert figures(app)["MACs"].startswith("38.") and "evaluations on 16 hold-out images" in said(app)
    app.number_input(key="widget search_images").set_value(143).run()  # another search: not begun by itself
    look_until(app, lambda app: any(b.label == "Search" for b in app.button))
    press(app, "Search")
    look_until(app, lambda app: any(b.label == "Cancel" for b in app.button))
    press(app, "Cancel")
    look_until(app, lambda app: any(b.label == "Search" for b in app.button))
    app.segmented_control(key="widget search_by").set_value("di").run()  # seconds, so it needs no button
    look_until(app, searched)
    assert "without running the network" in said(app)
    channels = open_page("1_Channels", **link, criterion="l2")
    assert "this page cuts every group by the same ratio" in said(channels)


def test_the_slider_s_own_cut_is_counted_first_and_alone_matched():
    steps = [*dict.fromkeys(accuracy_questions.order(Recipe(cut=0.37)))]
    assert steps[:2] == [(0.37, "reconstruct", True), (0.37, "reconstruct", False)]
    assert [cut for cut, how, _ in steps if how == "match"] == [0.37]
    assert [cut for cut, _, raw_only in steps if not raw_only][:7] == [0.37, 0.37, *COARSE]
    assert [cut for cut, _, raw_only in steps if raw_only] == [0.37, *COARSE]
    plain = [*accuracy_questions.order(Recipe(cut=0.5, criterion="l1", repair="recalibrate"))]
    assert {how for _, how, _ in plain} == {"recalibrate"}


def test_what_each_group_can_bear_is_measured_when_asked_for(server):
    app = look_until(open_prune(**LINK, size="16", repair="recalibrate"), counted)
    look_until(press(app, "Measure every group"), lambda app: "of one group cut" in said(app))
    assert "hold-out images, one group at a time (9 groups)" in said(app) and "in colour" in said(app)


def test_distillation_is_only_offered_with_epochs(server):
    app = open_prune(**LINK, distill="true", epochs="0")
    toggle = app.toggle(key="widget distill")
    assert toggle.disabled and not toggle.value and "distill" not in app.query_params
    app.number_input(key="widget epochs").set_value(1).run()
    app.toggle(key="widget distill").set_value(True).run()
    app.number_input(key="widget distill_temperature").set_value(2.0).run()
    assert app.query_params["distill_temperature"] in ("2.0", ["2.0"])
