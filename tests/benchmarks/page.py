"""How quickly the pages answer a hand: first paint, every page of every bundled network, the wall while
dragged, Prune after a release.

python -m tests.benchmarks.page            needs PRUNING_DATA (the public ResNet-56, its images) and Chromium
python -m tests.benchmarks.page openings   the bundled networks' pages alone, printed; so with slider, toys
"""

import os
import re
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from pruning.models import bundled
from pruning.ui.learn.articles import TITLES
from tests import chromium
from tests.benchmarks.speed import machine, write_table
from tests.browser.server import Server, serving
from tests.browser.test_newcomer import drag
from tests.browser.walk import metric, rest, wall

expect.set_options(timeout=120_000)
POINTS = re.compile(r"points")
MOVED = """async (hand, times) => {
  const toy = hand.closest('.toy'), box = hand.getBoundingClientRect();
  const frame = () => new Promise(requestAnimationFrame);
  Object.assign(hand, { setPointerCapture() {}, hasPointerCapture: () => true });
  const found = [];
  for (let n = 0; n < times; n++) {
    const begun = performance.now(), at = { clientX: box.x + 10 + n % 40, clientY: box.y + 10 + n % 25 };
    hand.dispatchEvent(new PointerEvent('pointermove', { pointerId: 1, ...at }));
    await frame(); await frame();
    found.push([+toy.dataset.drawMs, performance.now() - begun]);
  }
  return found;
}"""
COUNTED = re.compile(r"(\d+) cuts? measured, (\d+) of (\d+) repaired")


def public_link(**fields) -> str:
    folder = Path(os.environ["PRUNING_DATA"]).resolve()
    public = {"data": folder / "cifar10_subset.npz", "checkpoint": folder / "resnet56-4bfd9763.th"}
    return "/Prune?" + urlencode({"model": "resnet56", "normalize": "imagenet", **public, **fields})


def first_paint(server: Server, page: Page) -> float:
    """Seconds from the server's start to the wall's pictures in the window."""
    begun = time.monotonic()
    page.goto(server.url)
    expect(wall(page)).to_be_visible(timeout=60_000)
    return server.seconds + time.monotonic() - begun


def openings(browser: Browser, server: Server) -> list[tuple[str, str]]:
    """Seconds from a link to the first useful content, in a new session each: median of three. The server and
    its workers are warm; what a page shows was not asked for before."""
    told = []
    for name, useful in USEFUL.items():
        medians = []
        for model, data in bundled():
            link, took = server.url + f"/{name}?" + urlencode({"model": model, "data": data}), []
            for _ in range(3):
                page, begun = browser.new_page(viewport={"width": 1280, "height": 900}), time.monotonic()
                page.goto(link)
                useful(page)
                took.append(time.monotonic() - begun)
                page.close()
            medians.append(f"{sorted(took)[1]:.1f}")
        told.append((f"{name or 'Start'}: {NETWORKS}", f"{', '.join(medians)} s"))
    return told


def there(locator: Locator, text: re.Pattern | None = None):
    """Waits, frame by frame, for one that says this: `expect` would look again after up to a second."""
    (locator if text is None else locator.filter(has_text=text)).first.wait_for(timeout=60_000)


USEFUL = {
    "": lambda page: there(page.locator(".count"), re.compile(r"work cut: .*\d")),
    "Channels": lambda page: there(page.get_by_test_id("stPlotlyChart")),
    "Prune": lambda page: there(metric(page, "Cut"), re.compile(r"\d %")),
    "Compress": lambda page: there(metric(page, "In few bits"), re.compile(r"\d %")),
}
NETWORKS = "first useful content, " + ", ".join(f"{model} on {data}" for model, data in bundled())


def after_release(page: Page, share: float) -> tuple[float, float, float]:
    """Drags the slider to a share of its way and lets go; seconds until the MACs, until an accuracy (read
    from the curve or of the first images, and marked so), and until it is counted."""
    slider = page.get_by_role("slider").first
    slider.scroll_into_view_if_needed()
    box, macs = slider.bounding_box(), metric(page, "MACs").inner_text()
    rail = page.get_by_test_id("stSlider").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(rail["x"] + rail["width"] * share, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    released = time.monotonic()
    expect(metric(page, "MACs")).not_to_have_text(macs, use_inner_text=True, timeout=60_000)
    counted = time.monotonic() - released
    stale = page.locator("[class*=st-key-stale]")
    expect(stale).to_have_count(0, timeout=60_000)
    expect(metric(page, "Cut")).to_contain_text(POINTS, timeout=60_000)
    shown = time.monotonic() - released
    expect(metric(page, "Cut")).not_to_contain_text("≈", timeout=60_000)
    return counted, shown, time.monotonic() - released


def filling(page: Page, server: Server) -> list[tuple[str, str]]:
    """Opens Prune with the best combination; when the first counts of the curve were there, and the next."""
    begun, raw, repaired = time.monotonic(), [], []
    page.goto(server.url + public_link(cut=0.5, threads=2))
    while time.monotonic() - begun < 400:
        if found := COUNTED.search(page.locator("body").inner_text()):
            for times, count in ((raw, int(found[1])), (repaired, int(found[2]))):
                times += [time.monotonic() - begun] * (count - len(times))
            if repaired and len(repaired) == int(found[3]):
                break
        page.wait_for_timeout(100)
    steps = ", ".join(f"{after - before:.0f}" for before, after in pairwise(repaired))
    return [
        ("Prune, ResNet-56, 2 threads, opened: first raw count", f"{raw[0]:.1f} s"),
        ("Prune, ResNet-56, 2 threads, opened: first repaired count", f"{repaired[0]:.1f} s"),
        ("Prune, ResNet-56, 2 threads: each further repaired count after", f"{steps} s"),
    ]


def start(page: Page, server: Server) -> list[tuple[str, str]]:
    told = [("first paint of Start after the server's start", f"{first_paint(server, page):.1f} s")]
    drag(page, 0.8)
    _, took = drag(page, 0.02)
    return [
        *told,
        ("one redraw of the wall under the dragged slider", f"{sorted(took)[len(took) // 2]:.1f} ms"),
    ]


def toys(page: Page, server: Server) -> list[tuple[str, str]]:
    """Every figure of the Learn page while one of its handles is dragged: milliseconds of a redraw, and from
    the pointer's move to the frame after the one that shows it; medians and the longest of 60."""
    told = []
    for name, title in TITLES.items():
        page.goto(f"{server.url}/Learn?article={name}")
        hand = page.locator(".toy .hand").first
        hand.wait_for(timeout=60_000)
        rest(page)
        redraws, frames = zip(*hand.evaluate(MOVED, 60), strict=True)
        words = f"{sorted(redraws)[30]:.1f} ms ({max(redraws):.1f})"
        words += f"; {sorted(frames)[30]:.0f} ms ({max(frames):.0f})"
        told.append((f"Learn, {title}: one redraw, and until it is seen; median (longest)", words))
    return told


def slider(page: Page, other: Page, server: Server) -> list[tuple[str, str]]:
    """Prune with the public ResNet-56, idle and beside a fine-tune."""
    page.goto(server.url + public_link(cut=0.5, criterion="l1"))
    expect(metric(rest(page), "Repaired")).to_contain_text(POINTS, timeout=120_000)
    idle = [after_release(page, share) for share in (0.3, 0.45, 0.6)]
    other.goto(server.url + "/Prune?data=scenes&cut=0.5&epochs=20&threads=1")
    rest(other).get_by_role("button", name="Prune and fine-tune").click()
    expect(other.get_by_text(re.compile("Fine-tuning: epoch"))).to_be_visible(timeout=120_000)
    busy = [after_release(page, share) for share in (0.25, 0.4, 0.55)]
    other.get_by_role("button", name="Cancel").click()
    told = []
    for where, measured in (("idle", idle), ("beside a fine-tune", busy)):
        columns = [", ".join(f"{value:.1f}" for value in column) for column in zip(*measured, strict=True)]
        what = ("MACs, widths", "first accuracy, marked as rough", "raw accuracy")
        for name, values in zip(what, columns, strict=True):
            told.append((f"Prune, ResNet-56, {where}: {name} after release (three cuts)", f"{values} s"))
    return told


def rows(browser: Browser, server: Server, part: str) -> list[tuple[str, str]]:
    page, other = (browser.new_page(viewport={"width": 1280, "height": 900}) for _ in range(2))
    parts = {
        "start": lambda: start(page, server),
        "openings": lambda: openings(browser, server),
        "toys": lambda: toys(page, server),
        "filling": lambda: filling(page, server),
        "slider": lambda: slider(page, other, server),
    }
    if part:
        page.goto(server.url)
        rest(page).wait_for_timeout(6000)  # until its workers are warm
    return [row for name, measure in parts.items() if part in ("", name) for row in measure()]


if __name__ == "__main__":
    part = next(iter(sys.argv[1:]), "")
    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium.program(), args=["--no-sandbox"])
        told = rows(browser, server, part)
        browser.close()
    if part:
        print("\n".join(f"{what}: {measured}" for what, measured in told))
    else:
        about = f"`python -m tests.benchmarks.page`; {machine()}."
        write_table("pages.md", "How quickly the pages answer", about, told)
