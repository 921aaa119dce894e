"""Thirty people on one server: how long they wait for new figures, how much memory it takes, and that nobody
ends another one's job.

python -m tests.benchmarks.load [--sessions 30] [--seconds 120]
python -m tests.benchmarks.load --write         docs/measured/load.csv and docs/deploy.md as well
python -m tests.benchmarks.load --text          docs/deploy.md from the rows that are there
"""

import argparse
import asyncio
import contextlib
import csv
import os
import random
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np
import psutil

from pruning.limits import Limits, variable
from tests.benchmarks.measured import ROOT
from tests.benchmarks.speed import machine
from tests.benchmarks.streamlit_session import Session
from tests.browser.server import Server, serving

ROWS = ROOT / "docs" / "measured" / "load.csv"
PAIRS = ("resnet20 scenes", "resnet20 digits", "mobilenet_v2_slim scenes", "vgg16_slim scenes")
CRITERIA = ("l1", "fpgm", "taylor", "energy", "random")
TUNED = "data=digits&criterion=l1&epochs=60&threads=1"
PAUSE = (2.0, 6.0)  # seconds in which a person looks at the plan, and moves on
PATIENT = 3  # every third waits for the accuracy as well, at most LONG seconds
LONG = 40.0
SLIDER, PRUNE = "Cut (%)", "Prune and fine-tune"
PATIENCE = 90.0  # seconds for a page
MIB = 2**20


@dataclass
class Figures:
    """opened: seconds from a link to its page.   plan, accuracy: seconds from a release of the slider to the
    new cut's MACs and channels, and to its accuracy.   left: releases after which somebody moved on before
    the accuracy was there.   memory: {moment: (server, workers)} in MiB."""

    opened: list[float] = field(default_factory=list)
    plan: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    left: int = 0
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)


def memory(server: Server) -> tuple[int, int]:
    """MiB that the server's process holds, and all of its workers together."""
    own, others = server.process.memory_info().rss, 0
    for child in server.process.children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            others += child.memory_info().rss
    return own // MIB, others // MIB


def answered(session: Session) -> bool:
    """Whether a release was: by figures, or by the sentence that so large a cut is out of reach."""
    return "MACs" in session.metrics or any("out of reach" in text for text in session.said.values())


async def person(number: int, session: Session, figures: Figures, until: float):
    """Moves the slider, waits for the figures, thinks, and moves it again."""
    chance, cut = random.Random(number), 0
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(*PAUSE))
        pages, before = session.pages, time.monotonic()
        cut = chance.choice([one for one in range(5, 90) if one != cut])
        await session.slide(SLIDER, cut)
        try:
            await session.until(lambda: session.pages > pages and answered(session), PATIENCE)  # noqa: B023
        except TimeoutError:
            figures.wrong.append(f"no new figures in {PATIENCE:g} s")
            continue
        figures.plan.append(time.monotonic() - before)
        waits = LONG if number % PATIENT == 0 else chance.uniform(*PAUSE)
        try:
            await session.until(lambda: "%" in session.metrics.get("Cut", ""), waits)
            figures.accuracy.append(time.monotonic() - before)
        except TimeoutError:
            figures.left += 1


async def tuning(session: Session) -> str:
    """Starts a fine-tune and returns its id, from the link."""
    await session.open("Prune", TUNED)
    await session.until(lambda: PRUNE in session.controls, PATIENCE)
    await session.press(PRUNE)
    await session.until(lambda: "job=" in session.query, PATIENCE)
    return next(part[4:] for part in session.query.split("&") if part.startswith("job="))


async def stranger(host: str, owner: Session, job: str) -> list[str]:
    """Tries to end somebody else's job: by its link, and by the very message that its owner's button sends.
    Returns what should not be."""
    session, wrong = Session(host), []
    await session.open("Prune", f"{TUNED}&job={job}")
    await session.until(lambda: bool(session.said), PATIENCE)
    if "Cancel" in session.controls:
        wrong.append("a stranger is offered to cancel a job")
    await session.press_id(owner.controls["Cancel"].id)
    await asyncio.sleep(5)
    await session.close()
    return wrong + session.wrong


async def under_load(server: Server, sessions: int, seconds: float) -> Figures:
    host, figures = server.url.removeprefix("http://"), Figures()
    figures.memory["nobody yet"] = memory(server)
    people = [Session(host) for _ in range(sessions)]
    for number, session in enumerate(people):
        model, data = PAIRS[number % len(PAIRS)].split()
        criterion = CRITERIA[number % len(CRITERIA)]
        await session.open("Prune", f"model={model}&data={data}&criterion={criterion}&repair=recalibrate")
        opened = lambda: SLIDER in session.controls and "MACs" in session.metrics  # noqa: B023, E731
        figures.opened.append(await session.until(opened, PATIENCE))
        print(f"session {number + 1} open after {figures.opened[-1]:.1f} s", file=sys.stderr)
        if number + 1 in (1, 10, sessions):
            await asyncio.sleep(5)
            figures.memory[f"{number + 1} sessions open"] = memory(server)
    owners = [Session(host), Session(host)]
    jobs = [await tuning(owner) for owner in owners]
    begun = time.monotonic()
    moves = [person(n, session, figures, begun + seconds) for n, session in enumerate(people)]
    watched = asyncio.create_task(watch_memory(server, figures, begun))
    async with asyncio.TaskGroup() as together:
        for move in moves:
            together.create_task(move)
        await owners[0].until(lambda: "Cancel" in owners[0].controls, PATIENCE)
        tried = await stranger(host, owners[0], jobs[0])
    watched.cancel()
    for owner in owners:
        if any("cancelled" in text for text in owner.said.values()):
            tried.append("somebody else's click ended a job")
    await owners[1].until(lambda: "Cancel" in owners[1].controls, PATIENCE)
    await owners[1].press("Cancel")  # the owner himself can
    await owners[1].until(lambda: any("was cancelled" in text for text in owners[1].said.values()), PATIENCE)
    everybody = [*people, *owners]
    figures.wrong += tried + [text for session in everybody for text in session.wrong]
    for session in everybody:
        await session.close()
    return figures


async def watch_memory(server: Server, figures: Figures, begun: float):
    while True:
        await asyncio.sleep(20)
        figures.memory[f"after {time.monotonic() - begun:.0f} s of moving"] = memory(server)


# ------------------------------------------------------------------------------------------- what is told


def rows(figures: Figures, sessions: int, seconds: float, log: str) -> list[tuple[str, str]]:
    told = [
        ("sessions", str(sessions)),
        ("seconds", f"{seconds:g}"),
        ("releases of a slider", str(len(figures.plan))),
    ]
    for what, took in (
        ("page opened", figures.opened),
        ("plan", figures.plan),
        ("accuracy", figures.accuracy),
    ):
        for name, share in (("median", 50), ("95th percentile", 95)):
            told.append((f"{what}: {name} (s)", f"{np.percentile(took, share):.2f}" if took else ""))
    told.append(("accuracy: there, and not waited for", f"{len(figures.accuracy)}, {figures.left}"))
    for when, (own, others) in figures.memory.items():
        told.append((f"memory of the server, and of all workers, {when} (MiB)", f"{own}, {others}"))
    told.append(("errors on pages", str(len(figures.wrong))))
    told.append(("tracebacks in the log", str(log.count("Traceback"))))
    told.append(("other load on the machine (1 min)", f"{os.getloadavg()[0]:.1f}"))
    return [*told, ("measured on", machine())]


def limits_table() -> str:
    lines = ["| flag | variable | what | unless said |", "|---|---|---|---|"]
    for one in fields(Limits):
        unsaid = "none" if one.default is None else str(one.default)
        lines.append(f"| `--limit-{one.name}` | `{variable(one.name)}` | {one.metadata['help']} | {unsaid} |")
    return "\n".join(lines)


def write():
    """docs/deploy.md from its form and the rows that are there."""
    with ROWS.open(newline="") as file:
        told = list(csv.reader(file))[1:]
    table = ["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in told)]
    text = (ROOT / "tests" / "benchmarks" / "deploy.md.in").read_text()
    text = text.replace("@LIMITS@", limits_table()).replace("@MEASURED@", "\n".join(table))
    (ROOT / "docs" / "deploy.md").write_text(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--text", action="store_true", help="only docs/deploy.md, from rows that are there")
    given = parser.parse_args()
    if given.text:
        return write()
    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as server:
        figures = asyncio.run(under_load(server, given.sessions, given.seconds))
        time.sleep(5)
        figures.memory["all gone for 5 s"] = memory(server)
        log = server.log()
        assert server.alive()
    told = rows(figures, given.sessions, given.seconds, log)
    for name, value in told:
        print(f"{name}: {value}")
    counted = defaultdict(int)
    for text in figures.wrong:
        counted[text] += 1
    for text, times in counted.items():
        print(f"WRONG ({times} times): {text}")
    if given.write:
        with ROWS.open("w", newline="") as file:
            csv.writer(file).writerows([("what", "value"), *told])
        write()


if __name__ == "__main__":
    main()
