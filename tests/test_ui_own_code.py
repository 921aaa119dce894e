"""Networks that code of one's own makes, in the app: taken where the server was started so, else refused
whatever way a recipe comes, and nothing of that code is run."""

from urllib.parse import urlencode

import pytest

from pruning.experiment import Recipe
from pruning.inspection.reopened_run import opened_again
from pruning.inspection.weights_check import check_weights
from pruning.models import own_code
from pruning.runs.forecast import forecast_of
from pruning.runs.keeping import run_report_and_keep
from pruning.runs.kept_comparisons import run_comparison
from pruning.runs.product import Comparison
from tests.own_code import LEAVES_A_TRACE, write_small
from tests.page_door import link_of, open_page, said
from tests.test_ui_uploads import open_own, served

REFUSED = "this server runs none"


@pytest.fixture
def code(tmp_path, workers, monkeypatch):
    """The name of a network whose file leaves a trace when it is run; in the end it has left none."""
    monkeypatch.setenv(own_code.ALLOWED, "0")  # put back afterwards, whatever a page has set
    monkeypatch.delenv(own_code.ALLOWED)
    (tmp_path / "leaves.py").write_text(LEAVES_A_TRACE.format(trace=str(tmp_path / "ran")))
    yield f"{tmp_path / 'leaves.py'}:net"
    assert not (tmp_path / "ran").exists()


def test_a_page_takes_no_code_from_its_link_its_form_and_its_lists(code):
    assert REFUSED in open_page(model=code, data="digits").error[0].value
    app = open_page(data="digits")
    assert not [field for field in app.text_input if field.key == "own code"]
    app.session_state["own code"] = code  # as a message of one's own to the server would have it
    assert REFUSED in open_own(app).error[0].value and "model" not in app.query_params
    added = urlencode({"model": code, "data": "digits"})
    assert REFUSED in open_page("3_Compare", view="new", added=added, data="digits").warning[0].value
    lists = f"networks:{code} digits"
    assert REFUSED in open_page("3_Compare", view="new", lists=lists, data="digits").error[0].value


def test_workers_take_no_recipe_comparison_or_kept_run_with_code(code, workers, tmp_path):
    open_page(data="digits")  # from here on this process is a server's
    workers.anew()  # without what the page has asked
    recipe = Recipe(model=code, data="digits", threads=1)
    asked = Comparison(models=(code,), datasets=("digits",))
    added = Comparison(criteria=(), recipes=(recipe.to_dict(),))
    for call in (
        ("job", run_report_and_keep, recipe, str(tmp_path), "me"),
        ("measurement", check_weights, recipe),
        ("comparison", run_comparison, asked, str(tmp_path), None, "me"),
        ("comparison", run_comparison, added, str(tmp_path), None, "me"),
    ):
        with pytest.raises(ValueError, match=REFUSED):
            workers.submit(*call)
    for call in ((check_weights, recipe), (opened_again, recipe, "x"), (forecast_of, Recipe(), asked)):
        job = workers.submit("preview", *call)
        workers.work()
        assert job.status == "failed" and REFUSED in job.error


def test_with_allow_code_the_form_opens_a_network_of_ones_own(workers, tmp_path, monkeypatch):
    monkeypatch.setenv(own_code.ALLOWED, "1")
    monkeypatch.chdir(tmp_path)
    write_small(tmp_path)
    app = open_page(data="digits", criterion="l1")
    app.text_input(key="own code").set_value("smal.py:small")
    assert "smal.py is not there" in served(open_own(app), workers, "Opening").error[0].value
    app.text_input(key="own code").set_value("small.py:small")
    served(open_own(app), workers, "Opening")
    assert link_of(app)["model"] == "small.py:small" and not app.error
    assert "small of small.py on digits" in said(app) and "as its code makes them" in said(app)
    served(app, workers, "Structure")
    assert {metric.label for metric in app.metric} >= {"Parameters", "MACs of one image"}
    again = open_page(**link_of(app))
    assert again.text_input(key="own code").value == "small.py:small"
