"""Pictures of the app's views, and docs/gallery.md, which says what they show: `make gallery`, minutes.

python -m tests.gallery [VIEW ...]     takes all of them, or those that are named, anew
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests import chromium
from tests.browser.server import serving
from tests.browser.walk import rest, wall
from tests.front_door import REPOSITORY

FOLDER = REPOSITORY / "docs" / "gallery"
TEXT = REPOSITORY / "docs" / "gallery.md"
WIDTH, QUALITY = 1440, 70  # pixels of the window; of WebP, out of 100
MOST_BYTES = 2 * 2**20  # all pictures together
PATIENCE = 900_000  # milliseconds


def nothing(page: Page):
    """The view as its link opens it."""


@dataclass(frozen=True)
class View:
    """A picture. link: what opens it.   told: the sentence under it.   height: pixels of the window.
    act: what is done there before.   at: a heading that is scrolled to the top."""

    name: str
    title: str
    link: str
    told: str
    height: int = 1000
    act: Callable[[Page], None] = nothing
    at: str | None = None


def pruned(page: Page):
    """A run, to its result."""
    page.get_by_role("button", name="Prune", exact=True).click()
    page.get_by_role("heading", name="Take it away", exact=True).wait_for(timeout=PATIENCE)


def gated(page: Page):
    """Gates, trained to their end."""
    page.get_by_role("button", name="Train the gates").click()
    page.get_by_role("button", name="Remove the zeros").wait_for(timeout=PATIENCE)


def table(page: Page):
    """The values of the first chart."""
    page.get_by_role("button", name="Table").first.click()
    page.get_by_role("dialog").get_by_test_id("stDataFrame").wait_for(timeout=PATIENCE)


VIEWS = (
    View(
        "start",
        "Start",
        "/?cut=0.5",
        "The wall of 60 test images after half of the network's MACs were cut: images that the smaller "
        "network classifies wrongly are red.",
    ),
    View(
        "repaired",
        "Repaired without labels",
        "/?cut=0.5&repaired=1",
        "The same wall after repair, without training or labels: nearly all images are right again.",
    ),
    View(
        "masks",
        "Masks",
        "/?model=deeplabv3plus_small&data=scenes_masks&cut=0.3",
        "Segmentation: masks of a DeepLabV3+ that has lost 30 % of its MACs; a red frame marks bad ones.",
    ),
    View(
        "translation",
        "Translation",
        "/?model=stargan_small&data=scenes_colours&cut=0.5&repaired=1",
        "Translation: a StarGAN that shows the largest digit in another colour, pruned and repaired.",
    ),
    View(
        "channels",
        "Channels",
        "/Channels?data=digits&criterion=cpot&cut=0.5",
        "Every channel of every group, coloured by its rank in the group; what CPOT cuts is outlined in red.",
    ),
    View(
        "table",
        "A table behind every chart",
        "/Channels?data=digits&criterion=cpot&cut=0.5",
        'The same map as a table: "Table" under a chart opens its values, which can be sorted and saved.',
        height=800,
        act=table,
    ),
    View(
        "criterion",
        "What a criterion sees",
        "/Channels?data=digits&criterion=cpot&group=layer1.0.conv1&cut=0.5",
        "CPOT in one group: the channel closest to the barycenter and the one farthest from it, tap by tap.",
        at="What CPOT computes",
    ),
    View(
        "prune",
        "Prune",
        "/Prune?data=digits&cut=0.5",
        "The plan: what is left, the accuracy as cut and repaired, and the same at other pruning ratios.",
        height=1400,
    ),
    View(
        "result",
        "Result of a run",
        "/Prune?data=digits&criterion=l1&allocation=uniform&repair=recalibrate&cut=0.4&threads=1",
        "What came of it: accuracy against the full network's, size and time, and the network to take away.",
        height=1200,
        act=pruned,
    ),
    View(
        "compare",
        "Compare",
        "/Compare",
        "A comparison of criteria, allocations and repairs: how much each choice matters, and who leads.",
        height=1400,
    ),
    View(
        "compress",
        "Compress",
        "/Compress?data=digits",
        "Weights in few bits: which channels get 2, 4 or 8 bits, and what that does to size and accuracy.",
        height=1400,
    ),
    View(
        "gates",
        "Gates",
        "/Gates?data=digits&epochs=2&threads=1",
        "GDP after training: gates are open or exactly zero, and the zeros are cut without any change.",
        height=1400,
        act=gated,
    ),
    View(
        "learn",
        "Learn",
        "/Learn?article=cpot",
        "An article with a figure that is moved by hand: distributions and their distances to the centre.",
        height=1300,
    ),
    View(
        "exercises",
        "Exercises",
        "/Learn?article=exercises",
        "Exercises open the app in a set state and ask one question; the answers are computed.",
    ),
)


def take(page: Page, view: View, url: str) -> bytes:
    """One picture as WebP."""
    page.set_viewport_size({"width": WIDTH, "height": view.height})
    page.goto(f"{url}{view.link}{'&' if '?' in view.link else '?'}tour=off")
    rest(page, PATIENCE / 1000)
    view.act(page)
    if view.link.startswith("/?"):
        wall(page).first.wait_for(timeout=PATIENCE)
        expect(page.locator(".count").first).not_to_contain_text("…", timeout=PATIENCE)
    settled(page)
    if view.at:
        page.get_by_role("heading", name=view.at).first.evaluate("found => found.scrollIntoView()")
        page.wait_for_timeout(1000)
    page.mouse.move(WIDTH - 1, 1)
    page.wait_for_timeout(500)
    written = BytesIO()
    Image.open(BytesIO(page.screenshot())).convert("RGB").save(written, "WEBP", quality=QUALITY, method=6)
    return written.getvalue()


def settled(page: Page):
    """Until nothing on the page has changed its height for three seconds, a minute at most: figures come one
    by one."""
    height, quiet, until = -1, 0, time.monotonic() + 60
    while quiet < 3 and time.monotonic() < until:
        rest(page, PATIENCE / 1000)
        now = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        quiet = quiet + 1 if now == height else 0
        height = now
        page.wait_for_timeout(1000)


def text() -> str:
    """docs/gallery.md, of the pictures that are there."""
    lines = [
        "# Gallery",
        "",
        "The app's views, in the order of its pages. `make gallery` takes these pictures.",
    ]
    for view in VIEWS:
        if not (FOLDER / f"{view.name}.webp").exists():
            print(f"{view.name} is not there yet: python -m tests.gallery {view.name}", file=sys.stderr)
            continue
        lines += ["", f"## {view.title}", "", view.told, "", f"![{view.title}](gallery/{view.name}.webp)"]
    return "\n".join(lines) + "\n"


def main(names: list[str]):
    known = {view.name: view for view in VIEWS}
    if unknown := set(names) - set(known):
        sys.exit(f"no view is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    FOLDER.mkdir(exist_ok=True)
    program = chromium.program()
    with (
        tempfile.TemporaryDirectory() as home,
        serving(Path(home)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(color_scheme="light")
        page.set_default_timeout(PATIENCE)
        for name in names or known:
            (FOLDER / f"{name}.webp").write_bytes(take(page, known[name], server.url))
            print(f"{name}: {(FOLDER / f'{name}.webp').stat().st_size / 1024:.0f} KiB", flush=True)
        browser.close()
    TEXT.write_text(text())


if __name__ == "__main__":
    main(sys.argv[1:])
