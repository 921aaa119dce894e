"""The Compare page without a browser: what came along, a new comparison, one that was cut off, kept
runs. The walk through a real comparison is in tests/browser."""

import json
import pickle
import re
from dataclasses import replace

import pandas as pd
import pytest
from streamlit.proto.WidgetStates_pb2 import WidgetState, WidgetStates

from pruning import Recipe
from pruning.runs import Comparison, RunStore, run_list
from pruning.runs.forecast import Forecast
from pruning.runs.kept_comparisons import begin, comparison_id, kept_comparison, kept_comparisons
from pruning.runs.results_table import COLUMNS
from pruning.ui.compare import comparison_lists, kept_runs, new_comparison, run_store, shown_comparison
from tests.page_door import OWNER, link_of, look_until, open_page, said

LISTS = "criteria:l1|random;cuts:0.3|0.5|0.7;repairs:recalibrate;seeds:1;controls:0"
NEW = {"data": "digits", "criterion": "l1", "threads": "1", "lists": LISTS}
TINY = Recipe(data="digits", criterion="l1", allocation="uniform", repair="none", threads=1)


def on(view: str, **link):
    """The page with one of its views opened."""
    return open_page("3_Compare", view=view, **link)


def test_the_page_opens_on_what_came_with_the_project(workers):
    app = open_page("3_Compare")
    words = said(app)
    assert "Once repaired, even random order comes within" in words and "Repair makes" in words
    assert not workers.waiting  # nothing has to be computed for it
    best = {stage: best_of(said(open_page("3_Compare", stage=stage))) for stage in ("cut", "repaired")}
    assert best["cut"] < best["repaired"] == best_of(words)
    (wrong,) = open_page("3_Compare", stage="no such stage").error
    assert "there is no stage of a comparison 'no such stage'" in wrong.value


def best_of(words: str) -> float:
    return float(re.search(r"Best accuracy: .*?, ([\d.]+) %", words)[1])


def test_a_link_s_lists_make_runs_that_are_counted_before_they_are_begun(workers):
    app = on("new", **NEW)
    assert app.metric[0].value == "6" and [w.value for w in app.multiselect if w.label == "Criteria"] == [
        ["l1", "random"]
    ]
    wrong = on("new", **NEW | {"lists": LISTS.replace("l1|random", "l2norm")})
    assert "l2" in wrong.error[0].value and not wrong.exception
    empty = on("new", **NEW | {"lists": "networks:;criteria:;cuts:0.3;repairs:;measures:"})
    named = [part.strip() for part in empty.error[0].value.split(": ")[1].split(". ")[0].split(";")]
    assert named == ["Networks and data", "Criteria", "Repairs", "The ratio is of"]
    assert set(named) < {field.label for field in empty.multiselect} and len(empty.error) == 1
    many = on("new", **NEW | {"lists": "seeds:20;criteria:" + "|".join(f"cpot:eps={k}" for k in range(999))})
    assert not many.exception and many.error


def test_a_comparison_is_begun_kept_and_gone_on_with_after_the_server_has_ended(workers, kept_runs):
    app = on("new", **NEW)
    [button for button in app.button if button.label == "Compare"][0].click()
    app.run()
    id = link_of(app)["comparison"]
    (job,) = workers.jobs("comparison")
    asked = pickle.loads(job.call)[1][0]
    assert job.owner == OWNER and comparison_id(asked) == id and asked.size == 6
    kept = kept_comparison(id)
    assert kept is not None and kept.asked == asked and kept in kept_comparisons() and not kept.whole

    workers.anew()  # the server has ended
    app = open_page("3_Compare", data="digits", comparison=id)
    assert "stopped before its end: no run has ended" in said(app)
    some = [row_of(entry, 0.9 - 0.01 * place) for place, entry in enumerate(asked.entries())][:4]
    pd.DataFrame(some, columns=COLUMNS).to_csv(kept.folder / "results.csv", index=False)
    app = look_until(open_page("3_Compare", data="digits", comparison=id), lambda app: len(app.dataframe) > 1)
    assert "Not every combination of criterion and pruning ratio is here" in said(app)
    assert "4 of 6 runs have ended and are kept" in said(app) and len(app.dataframe[0].value) == 4
    [button for button in app.button if button.label == "Go on"][0].click()
    app.run()
    assert len(workers.jobs("comparison")) == 1

    workers.anew()
    pinned = look_until(
        open_page("3_Compare", comparison=id, pinned="run0", only="cut:0.3|0.5"),
        lambda app: len(app.dataframe) > 1,
    )
    shown = pinned.dataframe[0].value
    assert shown["Against the pinned"].tolist() == pytest.approx([0, -1, -3], abs=0.01)
    offered = [offers(pinned, row) for row in (1, 0)]
    assert offered == [["Pin as baseline"], ["Unpin"]]
    [button for button in pinned.button if button.label == "Unpin"][0].click().run()
    assert "pinned" not in link_of(pinned)


def offers(app, row: int) -> list[str]:
    """What a ticked row of the comparison may be asked for about pinning."""
    tick_row(app, app.dataframe[0].proto.id, row)
    return [button.label for button in app.button if button.label in ("Pin as baseline", "Unpin")]


def row_of(entry, accuracy: float) -> dict:
    row = dict.fromkeys(COLUMNS, "") | entry.fields | {"kind": "recipe", "status": "finished"}
    row |= {"metric": "accuracy", "accuracy_baseline": 0.99, "accuracy_cut": accuracy}
    row |= {"macs_baseline": 100, "macs_final": 100 * (1 - entry.fields["cut"])}
    place = round(100 * (0.9 - accuracy))
    return row | {"digest": entry.recipe.digest(), "run": f"run{place}"}


def test_a_comparison_that_is_not_kept_here_is_a_sentence(workers):
    for id in ("0123456789ab", "../../etc", "x" * 300):
        app = open_page("3_Compare", comparison=id)
        assert "keeps no such comparison" in said(app)


def test_recipes_are_added_on_other_pages_and_taken_out_again(workers):
    app = open_page("2_Prune", **{"data": "digits", "criterion": "l2", "threads": "1", "cut": "0.4"})
    [button for button in app.button if button.label == "Add to comparison"][0].click()
    app.run()
    added = link_of(app)["added"]
    app = on("new", **NEW | {"added": added, "lists": LISTS + ";product:0"})
    assert app.metric[0].value == "1" and "40 % cut" in said(app)
    [button for button in app.button if button.key == "added 0"][0].click()
    app.run()
    assert "added" not in link_of(app) and app.metric[0].value == "6"
    assert "was left out" in said(on("new", **NEW | {"added": "criterion=l9"}))


def test_kept_runs_are_found_noted_deleted_by_their_owner_and_brought_back(workers):
    with RunStore() as store:
        mine = store.begin(TINY, "k1", owner=OWNER)
        other = store.begin(replace(TINY, cut=0.25), "k2", owner="somebody else")
        store.end(mine, "failed", "too many channels")
        store.end(other, "failed", "too few")
        run_list.note(store, mine, "the one with the wide stem")
        assert run_list.notes(store)[mine] == "the one with the wide stem"
        assert run_list.recipe_of(store, run_list.get(store, mine)) == TINY

    def listed(words: str):
        app = on("runs", find=words)
        return look_until(app, lambda app: run_store.store() and (app.dataframe or app.info))

    app = listed("digits l1 0.25")
    assert app.dataframe[0].value["Cut"].tolist() == ["25 % cut"]
    assert "No kept run matches these words" in said(listed("resnet9000"))
    app = listed("digits l1")
    assert "the one with the wide stem" in set(app.dataframe[0].value["Note"])

    store, (runs, _) = run_store.store(), run_list.page_of(run_store.store(), "digits l1")
    with store_session(app):
        kept_runs.delete(store, [run for run in runs if run.id in (mine, other)])
    assert run_list.get(store, mine) is not None  # one of them is somebody else's
    run_list.delete(store, [mine])
    assert run_list.get(store, mine) is None and "wide stem" not in str(
        listed("digits l1").dataframe[0].value
    )
    run_list.restore(store, [mine])
    assert run_list.get(store, mine).tags[run_list.NOTE] == "the one with the wide stem"


def tick_row(app, id: str, row: int):
    """As the browser sends it. id: Streamlit's name for the table."""
    told = json.dumps({"selection": {"rows": [row], "columns": []}})
    app._run(WidgetStates(widgets=[WidgetState(id=id, string_value=told)]))


def test_a_tick_on_a_list_that_is_out_of_date_meets_no_other_run(workers):
    def kept(cut: float) -> str:
        with RunStore() as store:
            id = store.begin(replace(TINY, cut=cut, seed=7), f"out of date {cut}", owner=OWNER)
            store.end(id, "failed", "too many channels")
            return id

    def tick(list_id: str):
        tick_row(app, list_id, 0)
        return [button for button in app.button if button.label.startswith("Delete (")]

    first = kept(0.41)
    app = look_until(on("runs", find="0.41"), lambda app: app.dataframe)
    shown = app.dataframe[0].proto.id
    second = kept(0.41)  # stands above the other from now on
    assert not tick(shown)
    (button,) = tick(app.dataframe[0].proto.id)
    button.click().run()
    assert run_list.get(run_store.store(), second) is None
    assert run_list.get(run_store.store(), first) is not None


def test_a_tick_in_a_comparison_is_dropped_as_soon_as_other_rows_are_shown(workers):
    def table_of(**link) -> str:
        app = open_page("3_Compare", **link)
        return next(one.proto for one in app.dataframe if one.proto.alt == "Every run of the comparison").id

    whole = table_of()
    assert whole == table_of() != table_of(only="criterion:random")


def test_columns_of_texts_hold_their_longest_word(workers):
    with RunStore() as store:
        for place, status in enumerate(("interrupted", *["failed"] * 5)):
            store.end(store.begin(replace(TINY, seed=90), f"wide {place}", owner=OWNER), status, "why " * 99)
    app = look_until(on("runs", find="digits l1"), lambda app: app.dataframe)
    asked = json.loads(app.dataframe[0].proto.columns)
    assert asked["State"]["width"] >= 7 * len("interrupted") and asked["Note"]["width"] < 400
    assert "Full network (%)" not in asked  # numbers, which the browser measures


def store_session(app):
    """A callback's surroundings: the session of a page, without its script."""
    from unittest import mock

    import streamlit as st

    return mock.patch.object(st, "session_state", {"visitor": app.session_state["visitor"]})


def test_a_run_of_somebody_else_s_file_stays_his(workers, tmp_path):
    recipe = replace(TINY, data=f"sha256:{'0' * 64}#theirs.npz")
    numbers = {
        name: {"baseline": 2.0, "final": 1.0} for name in ("macs", "parameters", "bytes", "latency_ms")
    }
    (tmp_path / "report.json").write_text("{}")
    with RunStore() as store:
        id = store.begin(recipe, "theirs", owner="somebody else")
        store.finish(id, tmp_path, {"values": {"baseline": 0.9}} | numbers, 1.0)
    app = look_until(open_page("2_Prune", data="digits", kept=id), lambda app: app.warning)
    assert "a file that somebody else has given" in said(app)
    assert not [job for job in workers.waiting if job.title == "Opening a kept run"]
    asked = Comparison(criteria=("l1",), datasets=(recipe.data,), controls="none")
    theirs, common = (
        begin(asked, "theirs", "somebody else"),
        begin(replace(asked, datasets=("digits",)), "all"),
    )
    shown = {one.id: shown_comparison.in_words(one) for one in kept_comparisons()}
    app = open_page("3_Compare", comparison=theirs.id)
    assert "keeps no such comparison" in said(app) and len(app.dataframe)  # and what came along
    (choice,) = [box for box in app.selectbox if box.label == "Comparison"]
    assert shown[common.id] in choice.options and shown[theirs.id] not in choice.options


@pytest.mark.parametrize("text", ["seeds:0;epochs:500", "repairs:x;measures:y;allocations:z", "cuts:7|-1"])
def test_a_link_that_says_too_much_leaves_a_page_that_can_be_used(workers, text):
    app = on("new", **NEW | {"lists": text})
    assert not app.exception and not [one for one in app.error if "defect" in one.value]


@pytest.mark.parametrize(
    "text", ["", "cuts:0.1|x;seeds:3", "nonsense", "seeds:;cuts:", "epochs:2;controls:1"]
)
def test_a_link_s_lists_are_read_as_far_as_they_can_be(text):
    lists = comparison_lists.read(text)
    assert comparison_lists.read(comparison_lists.written(lists)) == lists


def test_a_link_that_adds_nothing_or_names_a_run_again_says_what_it_is(workers):
    app = on("new", **NEW, added="x")
    assert "'x' holds no setting" in said(app) and "Added one by one" not in said(app)
    with RunStore() as store:  # a list without any run says so, and nothing else
        store.end(store.begin(TINY, "named", owner=OWNER), "failed", "too many channels")
    app = look_until(on("runs", runs="a,a,a"), lambda app: "of this link can't be" in said(app), 60)
    assert "1 run of this link" in said(app) and "most that stand" not in said(app)
    many = ",".join(f"run{k}" for k in range(11))
    app = look_until(on("runs", runs=many), lambda app: "of this link can't be" in said(app), 60)
    assert "names 11 runs; the first 8 are shown" in said(app) and "8 runs of this link" in said(app)


def test_why_recipes_can_t_be_done_is_said_before_they_are_run():
    why = ("l1 trains no gates; give criterion=gdp",)
    some = new_comparison.foreseen(Forecast(4, 0, 0, 1, 0.0, 1, why))
    assert "1 that can't be done" in some and "give criterion: GDP" in some
    none = new_comparison.foreseen(Forecast(4, 0, 0, 4, 0.0, 1, why))
    assert none.startswith("Not one of these recipes can be done: ") and "trains no gates" in none


def test_the_same_lists_are_the_same_comparison(tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNING_RUNS", str(tmp_path))
    asked = Comparison(criteria=("l1",), seeds=(0, 1), recipes=(TINY.to_dict(),))
    assert begin(asked, "one").folder == begin(asked, "another").folder
    (kept,) = [one for one in kept_comparisons() if not one.bundled]
    assert kept.title == "one" and kept.asked == asked and asked.size == 3 * 2 + 2
    recipes = [entry.recipe for entry in asked.entries()]
    assert len(recipes) == len(set(recipes)) == 8  # with the baselines; the added one is not in the product
