"""The Gates page over jobs in every standing: a job is put into the server's register with what it has told,
so that nothing has to be trained to look at it. The walk through a real training is in tests/browser."""

import pickle
import time
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pruning import Recipe
from pruning.figures.tradeoff import tradeoff_in_words
from pruning.inspection.prediction_changes import RunReport, run_and_report
from pruning.jobs import Event, Job, Outcome
from pruning.tasks import DEFAULT, paired_difference
from pruning.train import Saved
from pruning.train.training_state import SUFFIX
from pruning.ui import jobs
from pruning.ui.gates import training_events
from pruning.ui.gates.result import difference_in_words
from pruning.ui.prune.result import comparable
from tests.page_door import OWNER, link_of, open_page, said

LINK = {"data": "digits", "threads": "1", "epochs": "4"}
KEPT = f"gates{SUFFIX}"
RECIPE = Recipe(criterion="gdp", data="digits", threads=1, epochs=4)
NUMBERS = {"epoch": 1, "epochs": 3, "loss": 0.2, "left": 0.731, "target": 0.7, "eps": 0.04, "price": 0.3}
NUMBERS |= {"between": 0.25, "margin": 1.5, "images_per_second": 90.0, "seconds_left": 31.0}
GROUPS = {"groups": ["layer1.0.conv1", "layer1.1.conv1"], "sizes": [2, 2]}


@pytest.fixture(scope="module")
def server(server):
    """Jobs that no worker has are taken out of the server's register afterwards."""
    before = set(jobs.workers().known)
    yield
    for id in set(jobs.workers().known) - before:
        del jobs.workers().known[id]


def gates_told(step: int, scaled: list[float]) -> Event:
    return Event("gates", step, 60, NUMBERS | GROUPS | {"scaled": scaled}, time.time())


def known(folder: Path, *events: Event, recipe: Recipe = RECIPE, outcome: Outcome | None = None) -> Job:
    """The visitor's own job that this server knows, at work until it has an outcome."""
    call = pickle.dumps((run_and_report, (recipe, str(folder))))
    job = Job("job", call, "ResNet-20 on digits: GDP", folder=folder, events=list(events), owner=OWNER)
    job.began = Event("began", 0, 1, {}, time.time())
    job.wound_down = outcome is not None
    if outcome:
        job.settle(outcome)
    jobs.workers().known[job.id] = job
    return job


def report_of(difference: float | None = 2e-7) -> RunReport:
    """A finished run's report, as small as a page can show it."""
    both = {"macs": (100, 50), "parameters": (30, 20), "bytes": (120, 80)}
    report = {name: {"baseline": before, "final": after} for name, (before, after) in both.items()}
    report |= {"accuracy": {"baseline": 0.99, "cut": 0.95, "tuned": 0.97}, "test_images": 100}
    report |= {"correct": {"baseline": 99, "cut": 95, "tuned": 97}, "task": DEFAULT.name}
    report["values"] = report["accuracy"]
    report |= {"latency_ms": {"baseline": 2.0, "final": 1.0, "batch": 64, "threads": 1, "device": "cpu"}}
    spread = {"spread": {"baseline": [1.9, 2.2], "final": [0.9, 1.1]}}
    report["latency_ms"] |= spread | {"batch_1": {"baseline": 0.2, "final": 0.1, **spread}}
    report |= {"agreement": 0.96, "messages": ["A message."], "gates": {"accuracy": 0.95, "between": 0.0}}
    report["gates"] |= {"absorb_difference": difference, "closed_blocks": ["layer1.0.conv1"]}
    stages = [(stage, share) for stage, share in report["accuracy"].items()]
    table = pd.DataFrame(stages, columns=["stage", "value"])
    table = table.assign(macs=[100, 50, 50], correct=[99, 95, 97], test_images=100, parameters=1)
    columns = {"group": ["a"], "before": [4], "after": [2], "share_cut": [0.5], "tied_to": [""]}
    told = training_events.trace_of([gates_told(10, [1] * 4), gates_told(60, [0, 0, 9, 9])])
    nothing = pd.DataFrame(columns=["epoch", "loss", "holdout_loss", "holdout_accuracy", "kept"])
    widths, lead = pd.DataFrame(columns), paired_difference([[True]], [[True]])
    rest = (lead, pd.DataFrame(), {}, {}, pd.DataFrame(), None, told, nothing)
    return RunReport(RECIPE, report, nothing, widths, table, *rest)


def open_gates(**link) -> AppTest:
    app = open_page("5_Gates", **(LINK | link))
    assert not app.exception, app.exception
    return app


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def press(app: AppTest, label: str) -> AppTest:
    app = next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def test_another_criterion_stays_in_the_link_until_gates_are_asked_for(server):
    app = open_gates(criterion="di")
    assert "GDP" in said(app) and "Train the gates" in labels(app) and link_of(app)["criterion"] == "di"
    assert "3 of 4 epochs train the gates, the other 1 fine-tune the pruned network" in said(app)
    assert any("--criterion gdp" in code.value for code in app.code) and "half open at t = 0.1 " in said(app)
    app.select_slider(key="eps by hand").set_value(0.1).run()
    assert "half open at t = 0.32" in said(app)
    app.number_input(key="widget gate_epochs").set_value(1).run()
    assert "1 of 4 epochs train the gates, the other 3 fine-tune" in said(app)
    app.toggle(key="widget option blocks").set_value(True).run()
    told = {"criterion": "gdp", "gate_epochs": "1", "blocks": "True"}
    assert told.items() <= link_of(app).items() and not app.exception
    app.number_input(key="widget option eps_end").set_value(0.5).run()
    assert "eps falls from 0.1 to 0.5" in app.warning[0].value and link_of(app)["blocks"] == "True"


def test_a_pair_without_weights_is_said_before_a_training_is_asked_for(server):
    app = open_page("5_Gates", model="vgg16_slim", data="digits", criterion="gdp", epochs="1", threads="1")
    (start,) = [button for button in app.button if button.label == "Train the gates"]
    assert start.disabled and not app.exception
    (told,) = [warning.value for warning in app.warning]
    assert "no bundled weights for VGG-16 slim on digits" in told and "How fast" not in said(app)
    for link in (LINK, LINK | {"model": "vgg16_slim", "checkpoint": "none"}):
        app = open_page("5_Gates", **link, criterion="gdp")
        (start,) = [button for button in app.button if button.label == "Train the gates"]
        assert not start.disabled and not app.warning


def test_a_page_that_scores_puts_gates_aside_and_they_are_taken_up_again(server):
    app = open_page("2_Prune", **LINK, criterion="gdp", gate_epochs="2", eps_end="0.01", cut="0.3")
    assert "GDP trains its gates" in said(app) and "on this page Reconstruction ranks" in said(app)
    assert not app.exception and "criterion" not in link_of(app)
    assert app.selectbox(key="widget criterion").value == "reconstruction"
    assert app.slider(key="widget cut").value == 30
    assert "gdp" not in app.selectbox(key="widget criterion").options
    app.selectbox(key="widget criterion").select("fpgm").run()
    app.switch_page("pages/5_Gates.py").run()
    told = {"criterion": "gdp", "gate_epochs": "2", "eps_end": "0.01", "cut": "0.3"}
    assert told.items() <= link_of(app).items()
    app.switch_page("pages/2_Prune.py").run()
    taken_up = {"criterion": "fpgm", "allocation": "error", "repair": "match"}
    assert taken_up.items() <= link_of(app).items()
    assert "gate_epochs" not in link_of(app) and not app.exception


def test_gates_at_work_are_drawn_paused_and_resumed(server, tmp_path):
    job = known(tmp_path, gates_told(10, [1, 1, 1, 1]), gates_told(20, [0, 0.2, 2, 4]))
    app = open_gates(criterion="gdp", job=job.id)
    told = figures(app)
    assert told["MACs left"] == "73.1 %" and told["Closed gates"] == "1" and told["In between"] == "25.0 %"
    assert told["eps"] == "0.04" and told["Margin"] == "1.5 x" and told["Price"] == "0.3"
    assert {"Pause", "Stop and keep", "Cancel"} <= set(labels(app))
    names = {"Histogram of the gates", "Histogram of t / √eps", "Path of every gate", "Task loss"}
    charts = app.get("vega_lite_chart")
    assert names <= {chart.proto.alt for chart in charts}
    press(app, "Pause")
    assert Saved(tmp_path / "state").wish() == "pause"
    (tmp_path / "state" / KEPT).write_bytes(b"")
    job.settle(Outcome("cancelled", error="Cancelled"))
    app = open_gates(criterion="gdp", job=job.id)  # a reload is a new session
    assert "Paused in epoch 1 of 3 of the gates" in said(app) and figures(app)["MACs left"] == "73.1 %"
    press(app, "Resume")
    new = jobs.workers().job(link_of(app)["job"])
    assert new.after == job.id and (new.folder / "state" / KEPT).exists()
    assert new.arguments[:2] == (RECIPE, str(new.folder))
    assert figures(app)["MACs left"] == "73.1 %"  # until the new one has told of its own
    jobs.workers().cancel(new)


@pytest.mark.parametrize("status", ["cancelled", "failed", "lost"])
def test_a_job_that_ended_otherwise_says_so_and_goes_on_from_what_it_kept(server, tmp_path, status):
    job = known(tmp_path, gates_told(10, [1] * 4), outcome=Outcome(status, error="It broke."))
    app = open_gates(criterion="gdp", job=job.id)
    assert ("This job was cancelled in epoch 1" if status == "cancelled" else "It broke.") in said(app)
    assert "Resume" not in labels(app) and figures(app)["In between"] == "25.0 %"
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / KEPT).write_bytes(b"")
    assert "Resume" in labels(app.run())


def test_zeros_are_removed_on_request_and_nothing_changes(server, tmp_path):
    job = known(tmp_path, gates_told(60, [0, 0, 9, 9]), outcome=Outcome("done", report_of()))
    app = open_gates(criterion="gdp", job=job.id)
    assert figures(app)["MACs left"] == "50.0 %"  # of the pruned network; the last step had told 73.1 %
    assert (
        "50.0 % of the MACs are left, and" in said(app)
        and "2 of 4 gates closed" in said(app)
        and "Gated" not in figures(app)
    )
    assert "50 % of 4 gates are closed for good" in said(app)
    press(app, "Remove the zeros")
    told = figures(app)
    assert link_of(app)["zeros"] == "removed" and told["Gated"] == told["Zeros removed"] == "95.0 %"
    assert told["Fine-tuned"] == "97.0 %" and told["MACs"] == "50" and "Remove the zeros" not in labels(app)
    assert "before and after: 2.0e-07 of the largest output" in said(app) and "A message." in said(app)
    assert "only their shortcuts are left of them: `layer1.0.conv1`" in said(app)
    assert "none, not in the last digit" in difference_in_words(report_of(0.0))
    assert "ranking of the gates" in difference_in_words(report_of(None))


def test_two_runs_of_one_recipe_are_one_in_the_chart(server, tmp_path):
    first, second = (Outcome("done", report_of()) for _ in range(2))
    runs = comparable(first.value, [known(tmp_path, outcome=outcome) for outcome in (first, second)])
    assert runs["stage"].tolist() == ["baseline", "cut", "tuned"]
    assert "right after the cut it was 95" in tradeoff_in_words(runs, DEFAULT)


def test_a_job_of_another_kind_and_an_unknown_one_do_no_harm(server, tmp_path):
    job = known(tmp_path, recipe=Recipe(data="digits", epochs=1))
    assert "Nothing has been trained yet" in said(open_gates(job=job.id))
    app = open_gates(job="0badcafe")
    assert "has no job 0badcafe" in app.warning[0].value
    assert "job" not in link_of(press(app, "Close"))


def test_another_seed_stands_beside_a_running_one(server, tmp_path):
    first = known(tmp_path, gates_told(10, [1, 0, 2, 3]))
    second = known(tmp_path, gates_told(10, [0, 0, 2, 3]), recipe=RECIPE.but(seed=1))
    app = open_gates(criterion="gdp", job=first.id)
    assert "Train with this seed too" in labels(app) and app.number_input(key="second seed").value == 1
    app = open_gates(criterion="gdp", job=first.id, second=second.id)
    assert {"**seed 0**", "**seed 1**"} <= {text.value for text in app.markdown}
    charts = [chart.proto.alt for chart in app.get("vega_lite_chart")]
    assert charts.count("Path of every gate") == 3 and charts.count("MACs left and target") == 3
    assert "second" not in link_of(press(app, "Close the comparison"))


def test_a_lesson_hides_what_engineers_need(server, tmp_path):
    job = known(tmp_path, gates_told(10, [1] * 4))
    app = open_gates(criterion="gdp", job=job.id, lesson="1")
    assert "Every parameter" not in [box.label for box in app.expander]
    assert {"MACs left", "Closed gates", "In between"} == set(figures(app))
