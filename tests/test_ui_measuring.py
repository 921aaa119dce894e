"""What takes long enough to be asked for by a button: nothing else that is asked ends it, a reload goes on
with it, and it ends with its last page."""

from streamlit.testing.v1 import AppTest

from pruning.jobs import Job
from pruning.ui import measurement
from tests.page_door import OWNER, TOKEN, said
from tests.processes import until


def two_measurements():
    from functools import partial

    import streamlit as st

    from pruning import Recipe
    from pruning.ui import measurement, preview_cache
    from tests import errands

    measurement.take_up()
    for name in ("one", "other"):
        question = partial(preview_cache.ask, errands.count, Recipe(), key=name, title=f"Oracle of {name}")
        measurement.on_request(f"Measure {name}", question, st.write, help="Seconds.")
    preview_cache.ask(errands.count, Recipe(), key="seen", about=st.text_input("Look at", "this", key="seen"))


def opened(token: str = TOKEN) -> AppTest:
    app = AppTest.from_function(two_measurements)
    app.session_state["visitor"] = token
    return app.run()


def press(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_a_measurement_is_ended_by_nothing_but_its_button(workers):
    app = press(opened(), "Measure one")
    (one,) = workers.jobs("measurement")
    app.text_input(key="seen").set_value("that").run()  # asks for a preview about something else
    press(app, "Measure other")
    other, _ = workers.jobs("measurement")
    assert not one.finished and not other.finished and workers.jobs("preview")
    assert "It waits for what you asked before: Oracle of one." in said(app)
    again, stranger = opened(), opened(token="of-another-browser")  # a reload, and somebody else
    assert labels(again).count("Cancel") == 2 and "Oracle of one" in said(again)
    assert labels(stranger) == ["Measure one", "Measure other"]
    press(stranger, "Measure one")
    assert "It waits for 1 measurement of other visitors." in said(stranger)
    assert "Oracle of" not in said(stranger) and "End that one" not in labels(stranger)
    press(app, "End that one")
    assert one.status == "cancelled" and not other.finished and "Measure one" in labels(app)


def test_a_measurement_lasts_as_long_as_a_page_of_its_visitor(workers, monkeypatch):
    monkeypatch.setattr(measurement, "GRACE", 0.0)
    holders, job = {}, workers.known.setdefault("a", Job("measurement", b"", "Oracle", owner=OWNER))
    first, reloaded = (measurement.Held(workers, holders) for _ in range(2))
    first.hold(job), reloaded.hold(job)
    first.release()
    until(lambda: holders[job] == {reloaded})
    assert not job.finished
    reloaded.release()
    until(lambda: job.status == "cancelled" and not holders)
