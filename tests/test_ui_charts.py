"""A chart's frame: what a visit sees before its first one."""

from types import SimpleNamespace

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest

from pruning.ui import charts


def two_charts():
    import plotly.graph_objects as go

    from pruning.ui.charts import chart

    for key in ("first", "second"):
        chart(go.Figure(go.Bar(y=[1])), "A bar.", key=key, alt=key)


@pytest.mark.parametrize(
    "url, held",
    [("http://127.0.0.1/Prune", [charts.WORDS_FIRST]), (None, [])],
    ids=["a browser", "none, as in tests"],
)
def test_words_are_drawn_before_a_visit_s_first_chart(monkeypatch, url, held):
    slept = []
    monkeypatch.setattr(charts, "time", SimpleNamespace(sleep=slept.append))
    monkeypatch.setattr(ContextProxy, "url", property(lambda self: url))
    app = AppTest.from_function(two_charts).run()
    assert [chart.proto.alt for chart in app.get("plotly_chart")] == ["first", "second"]
    app.run()
    assert not app.exception and slept == held  # once, not with every chart or run
