"""The Learn page's toys compute what the package computes, and answer while they are dragged."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from playwright.sync_api import Browser, Page, expect
from torch import nn

import pruning
from pruning.criteria import catro, di, transport
from pruning.gates import GateOptimizer, Gates
from pruning.gates.gate_trace import opened
from pruning.gates.placement import place
from pruning.reconstruction.adam import Adam
from pruning.reconstruction.least_squares import solved
from pruning.reconstruction.matching import rate_at
from pruning.statistics import ClassScatter
from pruning.statistics.accumulators import ClassScatterOf
from pruning.ui.learn.articles import TITLES
from pruning.ui.learn.toy import mathematics
from tests.browser.walk import picture, rest

STATES = 100
CLOSE = {"rtol": 1e-6, "atol": 1e-9}
IMPORT = """async text => {
  window.toy = await import(URL.createObjectURL(new Blob([text], {type: 'text/javascript'})));
}"""


@pytest.fixture(scope="module")
def compute(browser: Browser) -> Callable:
    """compute(toy, expression of `state`, states): what the toy's module makes of each, in the browser."""
    page, loaded = browser.new_page(), []

    def run(name: str, expression: str, states: list[dict]) -> list:
        if loaded != [name]:
            page.evaluate(IMPORT, mathematics(name))
            loaded[:] = [name]
        return page.evaluate(f"states => states.map(state => ({expression}))", states)

    yield run
    page.close()


def draws(make: Callable[[np.random.Generator], dict]) -> list[dict]:
    rng = np.random.default_rng(0)
    return [{key: plain(value) for key, value in make(rng).items()} for _ in range(STATES)]


def plain(value):
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def test_transport(compute):
    def draw(rng):
        mass = rng.random((rng.integers(2, 7), 12)) ** rng.integers(1, 6)
        return {"mass": mass / mass.sum(1, keepdims=True), "values": rng.normal(size=(len(mass), 15))}

    states = draws(draw)
    for kind in ("exact", "median", "mean"):
        found = compute("cpot", f"toy.center(state.mass, '{kind}')", states)
        moved = compute("cpot", f"toy.tapDistances(state.mass, toy.center(state.mass, '{kind}'))", states)
        for state, middle, distances in zip(states, found, moved, strict=True):
            wanted = transport.center(np.array(state["mass"]), kind)
            np.testing.assert_allclose(middle, wanted, **CLOSE)
            np.testing.assert_allclose(
                distances, transport.tap_distances(np.array(state["mass"]), wanted), **CLOSE
            )
    found = compute("cpot", "[toy.lineCenter(state.values), toy.lineDistances(state.values)]", states)
    for state, (middle, distances) in zip(states, found, strict=True):
        values = np.array(state["values"])
        np.testing.assert_allclose(middle, transport.quantiles(values).mean(0), **CLOSE)
        np.testing.assert_allclose(distances, transport.line_distances(values), **CLOSE)


def labelled(rng, channels: int) -> dict:
    labels = np.repeat([0, 1, 2], 8)
    features = rng.normal(size=(24, channels)) + 2 * rng.normal(size=(3, channels))[labels]
    return {"features": features, "labels": labels}


def test_trace_ratio(compute):
    states = draws(
        lambda rng: labelled(rng, 6) | {"kept": rng.integers(1, 6), "gamma": rng.choice([0.0, 3.0])}
    )
    scatters = compute("catro", "toy.classScatter(state.features, state.labels)", states)
    for state, scatter in zip(states, scatters, strict=True):
        sums = ClassScatterOf(ClassScatter(pooled=True), 3)
        sums.add(torch.tensor(state["features"], dtype=torch.float64), torch.tensor(state["labels"]))
        np.testing.assert_allclose(scatter, sums.finish(), **CLOSE)
        state["b"], state["w"] = np.array(scatter).T.tolist()
    found = compute(
        "catro",
        "[toy.traceRatio(state.b, state.w, state.kept, state.gamma), "
        "toy.orderAtWidth(state.b, state.w, state.kept, state.gamma)]",
        states,
    )
    for state, (ratio, order) in zip(states, found, strict=True):
        b, w, gamma = np.array(state["b"]), np.array(state["w"]), state["gamma"]
        assert ratio == pytest.approx(catro.trace_ratio(b, w, state["kept"], gamma=gamma), rel=1e-6)
        wanted = catro.order_at_width(pd.DataFrame({"b": b, "w": w}), state["kept"], gamma=gamma)
        np.testing.assert_allclose(order, wanted, **CLOSE)


def test_discriminant_information(compute):
    states = draws(
        lambda rng: labelled(rng, 4) | {"rho": 10 ** rng.uniform(-4, 0), "order": rng.permutation(4)}
    )
    given = "state.features, state.labels"
    found = compute(
        "di",
        f"[toy.losses({given}, state.rho), toy.backwardElimination({given}, state.rho), "
        f"toy.cumulative({given}, state.order, state.rho)]",
        states,
    )
    for state, (alone, turn, kept) in zip(states, found, strict=True):
        features, labels, how = np.array(state["features"]), np.array(state["labels"]), {"rho": state["rho"]}
        np.testing.assert_allclose(alone, di.discriminant_losses(features, labels, **how), **CLOSE)
        order, lost = di.backward_elimination(features, labels, **how)
        assert turn["order"] == order.tolist()
        np.testing.assert_allclose(turn["lost"], lost, **CLOSE)
        wanted = di.cumulative_information(features, labels, np.array(state["order"]), **how)
        np.testing.assert_allclose(kept, wanted, **CLOSE)
        assert kept[0] == pytest.approx(di.discriminant_information(features, labels, **how))


@pytest.fixture(scope="module")
def gated():
    """A network with one group of six channels that gates stand on, and where they stand."""
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(3, 6, 3),
        nn.ReLU(),
        nn.Conv2d(6, 4, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 2),
    ]
    graph = pruning.ChannelGraph(nn.Sequential(*layers).eval(), torch.rand(2, 3, 8, 8))
    return graph, place(graph, groups="all", protect=["2"], measure="channels")


def test_gates(compute, gated):
    graph, placement = gated

    def draw(rng):
        return {
            "start": 10 ** rng.uniform(-2, 0, 6),
            "gradients": rng.normal(size=6),
            "cut": rng.choice([0.2, 0.5, 0.8]),
            "steps": 40,
            "freeze": rng.choice([1, 12, 1000]),
        }

    states = draws(draw)
    for state, rows in zip(states, compute("gdp", "toy.course(state)", states), strict=True):
        gates = Gates(graph, placement=placement, start=np.array(state["start"]) / np.sqrt(0.1))
        optimizer = GateOptimizer(gates, cut=state["cut"], steps=state["steps"])
        for step, row in enumerate(rows):
            np.testing.assert_allclose(row["s"], gates.scaled, **CLOSE)
            assert row["eps"] == pytest.approx(gates.eps)
            if step < state["steps"]:
                optimizer.frozen = step + 1 >= state["freeze"]
                optimizer.move(np.array(state["gradients"]))
    values = [{"s": s} for s in np.linspace(0, 9, STATES)]
    np.testing.assert_allclose(
        compute("gdp", "toy.opened(state.s)", values), opened(np.linspace(0, 9, STATES))
    )


def test_least_squares_and_matching(compute):
    def draw(rng):
        block = {"u": rng.normal(size=2), "a": rng.normal(size=2), "v": rng.normal(size=2), "c": rng.normal()}
        rows, lacks = rng.normal(size=(5, rng.integers(1, 4))), rng.normal(size=5)
        found = {"rows": rows, "lacks": lacks, "ridge": 10 ** rng.uniform(-3, 0)}
        found |= {"xs": rng.normal(size=7), "wanted": rng.normal(size=7)}
        return found | {"block": {key: plain(value) for key, value in block.items()}}

    states = draws(draw)
    fits = compute("repair", "toy.solved(state.rows, state.lacks, state.ridge)", states)
    ends = compute("repair", "toy.matched(state.block, state.xs, state.wanted, 20)", states)
    for state, fit, end in zip(states, fits, ends, strict=True):
        rows, lacks = (torch.tensor(state[name], dtype=torch.float64) for name in ("rows", "lacks"))
        dv, db = solved(rows[None], lacks[None, :, None], intercept=True, ridge=state["ridge"])
        np.testing.assert_allclose(fit["dv"], dv[0, :, 0], **CLOSE)
        assert fit["db"] == pytest.approx(float(db), rel=1e-6, abs=1e-9)
        for name, value in matched(state, 20).items():
            np.testing.assert_allclose(end[name], value, rtol=1e-6, atol=1e-7, err_msg=name)


def matched(state: dict, steps: int) -> dict[str, np.ndarray]:
    """A block of two layers moved by the package's own Adam, its rate and the loss of `match`."""
    x, wanted = (torch.tensor(state[name], dtype=torch.float64) for name in ("xs", "wanted"))
    weights = {k: nn.Parameter(torch.tensor(v, dtype=torch.float64)) for k, v in state["block"].items()}
    adam = Adam(list(weights.values()))
    for step in range(steps):
        for weight in weights.values():
            weight.grad = None
        u, a, v, c = weights.values()
        output = torch.relu(x[:, None] * u + a) @ v + c
        (nn.functional.mse_loss(output, wanted) / wanted.std() ** 2).backward()
        adam.step([0.03 * rate_at(step, steps)] * len(weights))
    return {name: weight.detach().numpy() for name, weight in weights.items()}


def test_work_of_layers(compute):
    states = draws(lambda rng: {"widths": [int(rng.integers(1, most + 1)) for most in (16, 32, 64)]})[:10]
    for state, rows in zip(states, compute("channel", "toy.layers(state.widths)", states), strict=True):
        a, b, c = state["widths"]
        convs = [
            nn.Conv2d(i, o, 3, stride, 1, bias=False) for i, o, stride in ((3, a, 1), (a, b, 2), (b, c, 2))
        ]
        model = nn.Sequential(*convs, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 10, bias=False))
        graph = pruning.ChannelGraph(model, torch.rand(1, 3, 32, 32))
        assert sum(row["macs"] for row in rows) == graph.macs
        assert sum(row["weights"] for row in rows) == sum(p.numel() for p in model.parameters())


def state_of(page: Page) -> dict:
    return json.loads(page.locator(".toy").get_attribute("data-state"))


def test_toys_answer_while_they_are_dragged_and_by_keyboard(visit):
    page = visit("/Learn?article=repair")
    for name, title in sorted(TITLES.items(), key=lambda each: each[0] != "repair"):
        if name != "repair":
            page.get_by_test_id("stMain").get_by_role("radio", name=title, exact=True).click()
        expect(page.locator(".toy")).to_have_attribute("data-built", name)
        answers(rest(page))
        picture(page, f"learn-{name}")


def answers(page: Page):
    toy, hand = page.locator(".toy"), page.locator(".toy .hand").first
    before, runs = state_of(page), int(toy.get_attribute("data-draws"))
    hand.scroll_into_view_if_needed()
    box = hand.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 25, steps=5)
    assert state_of(page) != before  # while the button is still down
    assert int(toy.get_attribute("data-draws")) > runs
    page.mouse.up()
    dragged = state_of(page)
    expect(hand).to_be_focused()
    hand.press("ArrowUp")
    assert (
        state_of(page) != dragged
        and hand.get_attribute("aria-label")
        and hand.get_attribute("aria-valuetext")
    )
    said = page.locator(".said").inner_text()
    assert said.endswith(".") and "NaN" not in said


OUTSIDE = """plots => plots.flatMap(plot => {
  const room = 16;  // of a mark on an axis's end half is outside, of the ring around it as well
  const shapes = ['circle', 'rect', 'path'].map(name => `:scope > g:nth-of-type(2) > ${name}`);
  const marks = plot.querySelectorAll([...shapes, '.hand > .mark'].join());
  const whole = plot.querySelector('.axis').getBoundingClientRect();
  return [...marks].map(mark => {
    const own = mark.getBoundingClientRect();
    const [across, up] = [Math.max(whole.left - own.left, own.right - whole.right),
                          Math.max(whole.top - own.top, own.bottom - whole.bottom)];
    return Math.max(across, up) * plot.viewBox.baseVal.width / plot.getBoundingClientRect().width;
  }).filter(out => out > room);
})"""


def test_every_mark_lies_in_its_plot_wherever_sliders_and_classes_are(visit):
    page = visit("/Learn?article=catro")
    for name in ("catro", "di", "repair", "gdp", "cpot", "channel"):
        page.get_by_test_id("stMain").get_by_role("radio", name=TITLES[name], exact=True).click()
        expect(page.locator(".toy")).to_have_attribute("data-built", name)
        rest(page)
        for key in ("End", "Home", "End"):
            for slider in page.locator(".toy input[type=range]").all():
                slider.press(key)
            assert page.locator(".plot > svg").evaluate_all(OUTSIDE) == [], (name, key)
        for hand in page.locator(".toy .hand").all()[:3]:
            for _ in range(25):
                hand.press("Shift+ArrowRight")
                hand.press("Shift+ArrowUp")
        assert page.locator(".plot > svg").evaluate_all(OUTSIDE) == [], name
