"""Channels: one channel looked into, and who is right, measured."""

import re

from playwright.sync_api import Page, expect

from tests.browser.walk import picture, rest

LINK = "/Channels?data=digits&size=16&calibration=60&threads=1&lesson=1"


def click_first_bar(page: Page, chart: str):
    """Plotly's own layer above the bars takes the click, and only after it has seen the mouse come."""
    bar = page.get_by_label(chart).locator(".bars .point").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    expect(page.get_by_label(chart).locator(".hoverlayer .hovertext")).to_have_count(1)
    page.mouse.click(x, y)


def click_square(page: Page, chart: str, group: str, channel: int):
    """A click where the map has a channel's square: its place is read from Plotly's axes."""
    where = """(chart, [group, channel]) => {
      const plot = chart.querySelector('.js-plotly-plot') ?? chart.closest('.js-plotly-plot') ?? chart;
      const { xaxis, yaxis } = plot._fullLayout, box = plot.getBoundingClientRect();
      return [box.x + xaxis._offset + xaxis.d2p(channel), box.y + yaxis._offset + yaxis.d2p(group)];
    }"""
    map = page.get_by_label(chart)
    map.scroll_into_view_if_needed()
    page.mouse.move(*map.evaluate(where, [group, channel]))
    expect(map.locator(".hoverlayer .hovertext")).to_have_count(1)
    page.mouse.click(*map.evaluate(where, [group, channel]))


def test_a_channel_is_looked_into_by_a_click_on_its_square_or_bar_and_its_twin_by_another(visit):
    page = visit(LINK + "&criterion=cpot")
    click_square(page, "Rank of every channel within its group, by CPOT", "layer2.1.conv1", 5)
    expect(page.get_by_role("heading", name="Channel 5 of layer2.1.conv1")).to_be_visible()
    assert "group=layer2.1.conv1" in page.url and "channel=5" in page.url
    click_first_bar(page, "Scores of layer2.1.conv1, the lowest first")
    heading = page.get_by_role("heading", name=re.compile(r"Channel \d+ of layer2.1.conv1"))
    expect(heading).to_be_visible()
    expect(page.get_by_text("number 1 of 32 in the order of removal")).to_be_visible()
    expect(page.get_by_text("to its score")).to_be_visible()
    assert page.locator(".strip img").count() == 32  # eight images twice, each with its map
    picture(rest(page), "channel")
    first = re.search(r"channel=\d+", page.url)[0]
    click_first_bar(page, "Channels most similar to channel " + first.removeprefix("channel="))
    expect(page.get_by_text("number 1 of 32 in the order of removal")).to_have_count(0)
    expect(page.get_by_text("Its weights in layer2.1.conv1")).to_be_visible()
    assert first != re.search(r"channel=\d+", page.url)[0]


def test_who_is_right_ends_with_a_measured_answer(visit):
    page = visit(LINK + "&criterion=di&beside=l1")
    expect(page.get_by_text("DI would cut channel")).to_be_visible()
    expect(page.get_by_text("mean map", exact=True)).to_have_count(2)
    page.get_by_role("button", name="Measure it").click()
    answer = page.get_by_text(re.compile("(was right here|No difference these images can show): "))
    expect(answer).to_contain_text("143 hold-out images (difference")
    rest(page)
    picture(page, "who-is-right")
