"""What a training with gates has told so far: its job's events, and those of the jobs before it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pruning.gates.gate_trace import COLUMNS, GateTrace
from pruning.jobs import Event, Job, Workers

STAGE = "gates"


def jobs_of(workers: Workers, job: Job) -> list[Job]:
    """The job, and before it those that it goes on from, the first one first."""
    found = [job]
    while before := found[0].after and workers.job(found[0].after):
        found.insert(0, before)
    return found


def told(jobs: Iterable[Job]) -> list[Event]:
    """What was told of gates, in order of the steps: where a job goes on from an earlier step than the one
    before it had come to, or a training begins anew, the later telling counts."""
    kept: list[Event] = []
    for event in (event for job in jobs for event in list(job.events) if event.stage == STAGE):
        while kept and kept[-1].done > event.done:
            kept.pop()
        kept.append(event)
    return kept


def latest(events: Sequence[Event]) -> Mapping[str, Any] | None:
    """The newest numbers; None where no step has been done."""
    return next((event.values for event in reversed(events) if "eps" in event.values), None)


def trace_of(events: Sequence[Event]) -> GateTrace:
    """The recorded steps as GateTrace has them; without any rows where nothing is known yet. Before the first
    step there is no loss."""
    first = next((event.values for event in events if "groups" in event.values), None)
    full = [event for event in events if "scaled" in event.values] if first else []
    known = first or {"groups": (), "sizes": ()}
    rows = [{"step": event.done} | {name: event.values.get(name) for name in COLUMNS[1:]} for event in full]
    gates = sum(known["sizes"])
    scaled = np.array([event.values["scaled"] for event in full], np.float32).reshape(len(full), gates)
    epochs = full[-1].values["epochs"] if full else 1
    steps = full[-1].total if full else 0
    return GateTrace(
        groups=tuple(known["groups"]),
        sizes=tuple(known["sizes"]),
        steps=steps,
        steps_per_epoch=steps // epochs,
        rows=pd.DataFrame(rows, columns=list(COLUMNS), dtype=float).astype({"step": int, "epoch": int}),
        scaled=scaled,
    )
