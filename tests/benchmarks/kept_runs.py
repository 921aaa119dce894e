"""How soon Compare and its list of runs answer with 10,000 runs in the store, in a headless browser.

python -m tests.benchmarks.kept_runs: rows in docs/measured/kept_runs.csv.
"""

import csv
import os
import random
import re
import shutil
import sqlite3
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect, sync_playwright

from pruning import Recipe
from pruning.runs import Comparison, RunStore
from pruning.runs.kept_comparisons import begin
from pruning.runs.results_table import COLUMNS, row_of
from pruning.runs.store import DATABASE
from tests.benchmarks.measured import ROOT
from tests.browser.server import serving

ROWS = ROOT / "docs" / "measured" / "kept_runs.csv"
RUNS, TIMES = 10_000, 9
CRITERIA = ("l1", "cpot", "di", "catro", "fpgm", "random")
expect.set_options(timeout=60_000)
TABLES = ("runs", "tags", "params", "metrics", "latest_metrics")


def filled(folder: Path):
    """A store of RUNS runs: some that are kept as any run is, and copies of their rows in the database."""
    with RunStore(folder) as store:
        for criterion in CRITERIA:
            recipe = Recipe(data="digits", criterion=criterion, allocation="uniform", repair="none")
            values = {"values": {"baseline": 0.99, "cut": 0.5}}
            report = values | {
                n: {"baseline": 2.0, "final": 1.0} for n in ("macs", "parameters", "bytes", "latency_ms")
            }
            empty = folder / "empty"
            empty.mkdir(exist_ok=True)
            store.finish(store.begin(recipe, criterion), empty, report, 1.0)
    draws = random.Random(0)
    with sqlite3.connect(folder / DATABASE) as database:
        first = [row[0] for row in database.execute("select run_uuid from runs")]
        for number in range(RUNS - len(first)):
            copied(database, first[number % len(first)], uuid.UUID(int=draws.getrandbits(128)).hex, number)


def copied(database: sqlite3.Connection, run: str, new: str, seconds: int):
    for table in TABLES:
        names = [row[1] for row in database.execute(f"pragma table_info({table})")]
        rows = database.execute(f"select * from {table} where run_uuid = ?", (run,)).fetchall()
        for row in map(dict, (zip(names, row, strict=True) for row in rows)):
            row["run_uuid"] = new
            if table == "runs":
                row["start_time"] -= 1000 * (seconds + 1)
            marks = ",".join("?" * len(names))
            database.execute(f"insert into {table} values ({marks})", [row[name] for name in names])


def compared():
    """A comparison of RUNS rows, as if it had been run."""
    cuts = tuple(round(0.02 * k, 2) for k in range(1, 46))
    asked = Comparison(
        datasets=("digits",), criteria=CRITERIA, cuts=cuts, seeds=tuple(range(37)), controls="none"
    )
    kept, draws = begin(asked, f"{asked.size:,} runs"), random.Random(0)
    table = []
    for entry in asked.entries():
        row = row_of(
            entry, "finished", digest=entry.recipe.digest(), run=uuid.UUID(int=draws.getrandbits(128)).hex
        )
        row |= {"metric": "accuracy", "accuracy_baseline": 0.99, "accuracy_cut": draws.random()}
        table.append(row | {"macs_baseline": 4e7, "macs_final": 4e7 * (1 - entry.fields["cut"])})
    pd.DataFrame(table, columns=COLUMNS).to_csv(kept.folder / "results.csv", index=False)
    (kept.folder / "sentences.txt").write_text("Nobody leads.\n")
    return kept


def median(what: Callable[[], None], before: Callable[[], None]) -> float:
    """Seconds."""
    took = []
    for _ in range(TIMES):
        before()
        start = time.perf_counter()
        what()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def measure(page: Page, url: str, large: str) -> dict[str, float]:
    def tab(name: str, seen: str):
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_text(re.compile(seen)).first).to_be_visible()

    def results():
        tab("Results", "Every run")
        page.wait_for_timeout(1500)

    def side(name: str, seen: str):
        page.get_by_test_id("stSidebar").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_text(re.compile(seen)).first).to_be_visible()

    def find(words: str):
        page.get_by_label("Find").fill(words)
        page.get_by_label("Find").press("Enter")
        expect(page.get_by_text("No run is kept" if words == "resnet56" else "1 to 50")).to_be_visible()

    page.goto(f"{url}/Compare?data=digits")
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    tab("Kept runs", "1 to 50")
    found = {"the list, opened": median(lambda: tab("Kept runs", "1 to 50"), results)}
    tab("Kept runs", "1 to 50")
    found["words found"] = median(lambda: find("digits cpot"), lambda: find("resnet56"))
    start = lambda: (side("Start", "How much of a network"), page.wait_for_timeout(1500))  # noqa: E731
    tab("Results", "Every run")
    found["the page, from another one"] = median(lambda: side("Compare", "Repair makes"), start)
    page.goto(f"{url}/Compare?data=digits&comparison={large}")
    expect(page.get_by_text(re.compile("9,990 rows"))).to_be_visible()
    found["the page with 9,990 rows, from another one"] = median(
        lambda: side("Compare", "Best accuracy"), start
    )
    return found


def main():
    with tempfile.TemporaryDirectory() as place:
        os.environ["PRUNING_RUNS"] = str(Path(place) / "runs")
        filled(Path(place) / "runs")
        kept = compared()
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
        with serving(Path(place)) as server, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            found = measure(browser.new_page(viewport={"width": 1440, "height": 900}), server.url, kept.id)
            browser.close()
    with ROWS.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["what", "median seconds", "times", "runs", "streamlit", "mlflow", "command"])
        versions = version("streamlit"), version("mlflow-skinny")
        for what, seconds in found.items():
            row = [what, f"{seconds:.2f}", TIMES, RUNS, *versions, "python -m tests.benchmarks.kept_runs"]
            writer.writerow(row)
            print(*row)


if __name__ == "__main__":
    main()
