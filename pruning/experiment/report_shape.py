"""What stands where in a report.json: numbers, text and lists, told apart before anything is made of them."""

from collections.abc import Iterable, Mapping
from typing import Any

from pruning.tasks import TASKS

NUMBER, MAYBE, TEXT = "a number", "a number or null", "text"
OF_DRAWN = ("per_class", "flips", "agreement")  # what every task tells whose answers a page draws
OTHERS = "*"  # every key that is not named
PAIR = {"baseline": NUMBER, "final": NUMBER}
MEDIANS = PAIR | {"runs?": NUMBER, "spread?": {"baseline": [NUMBER], "final": [NUMBER]}}
LAYER = {"layer": TEXT, "kind": TEXT, OTHERS: MAYBE}
LATENCY = {"batch": NUMBER, "threads": NUMBER, "device": TEXT, "batch_1?": MEDIANS, "layers?": [LAYER]}
MEASURE: dict[str, Any] = {
    "unit": TEXT,
    "meaning": TEXT,
    "values": {OTHERS: ({"value": NUMBER, "low": NUMBER, "high": NUMBER},)},
}
SIDES = {"final": NUMBER, OTHERS: MAYBE}  # and of other networks beside the pruned one, where there are any
EXPORT: dict[str, Any] = {"format": TEXT, "files": {OTHERS: NUMBER}, "bytes": SIDES, "difference": NUMBER}
EXPORT |= {"runtime": TEXT, "threads": NUMBER, "milliseconds": ({OTHERS: SIDES},)}
# A key with a question mark may be missing: only some versions or tasks write it.
SHAPE: dict[str, Any] = {
    "task": TEXT,
    "values": {"baseline": NUMBER, OTHERS: MAYBE},
    "correct?": {OTHERS: MAYBE},
    "test_images": NUMBER,
    "calibration_images?": NUMBER,
    "classes": [TEXT],
    "per_class?": {"baseline": {OTHERS: MAYBE}, "final": {OTHERS: MAYBE}},
    "flips?": {"broken": NUMBER, "mended": NUMBER},
    "agreement?": NUMBER,
    "macs": PAIR,
    "parameters": PAIR,
    "bytes": PAIR,
    "latency_ms": MEDIANS | LATENCY | {"estimated?": (PAIR,)},
    "widths": {OTHERS: (NUMBER, NUMBER)},
    "groups?": {OTHERS: {"tied_to": [TEXT]}},
    "seconds": {OTHERS: MAYBE},
    "looked_at?": {"images": NUMBER, "labels": NUMBER, "gradient_steps": NUMBER},
    "gates": ({"closed_blocks": [TEXT], OTHERS: MAYBE},),
    "expected": ({"accuracy": NUMBER, "low": NUMBER, "high": NUMBER, OTHERS: MAYBE},),
    "measures?": {OTHERS: MEASURE},
    "frechet_floor?": MAYBE,
    "exports?": [EXPORT],
    "history?": [{"epoch": NUMBER, OTHERS: MAYBE}],
    "gate_history?": [{"epoch": NUMBER, OTHERS: MAYBE}],
    "messages": [TEXT],
    "recipe": {},
    "versions": {OTHERS: TEXT},
}


def mistaken(report: Mapping[str, Any]) -> str:
    """What is not as `run` writes it, in a part of a sentence; empty where all is."""
    if found := _differs(report, SHAPE, "it"):
        return found
    counted, stages = report.get("correct"), [s for s, v in report["values"].items() if v is not None]
    missing = [stage for stage in stages if counted and counted.get(stage) is None]
    if missing:
        return f"correct says nothing of {missing[0]}"
    task = TASKS.get(report["task"])
    of_drawn = OF_DRAWN if task is not None and task.drawn_as else ()
    if unsaid := _first(f"it says nothing of {name}" for name in of_drawn if name not in report):
        return unsaid
    return "classes is an empty list" if of_drawn and not report["classes"] else ""


def _first(found: Iterable[str]) -> str:
    return next(filter(None, found), "")


def _differs(value: Any, wanted: Any, place: str) -> str:
    """wanted: one of the words above; {key: wanted}; [wanted of each]; (wanted of each, ...) of a list of
    that length; (wanted,), which may be null as well."""
    if isinstance(wanted, str):
        return "" if _is(value, wanted) else f"{place} is {_told(value)}, and should be {wanted}"
    if isinstance(wanted, dict):
        return _differing_part(value, wanted, place)
    if isinstance(wanted, tuple) and len(wanted) == 1:
        return "" if value is None else _differs(value, wanted[0], place)
    if not isinstance(value, list) or (isinstance(wanted, tuple) and len(value) != len(wanted)):
        count = f" of {len(wanted)}" if isinstance(wanted, tuple) else ""
        return f"{place} is {_told(value)}, and should be a list{count}"
    each = wanted if isinstance(wanted, tuple) else wanted * len(value)
    parts = enumerate(zip(value, each, strict=True))
    return _first(_differs(one, of, f"{place}[{number}]") for number, (one, of) in parts)


def _differing_part(value: Any, wanted: Mapping[str, Any], place: str) -> str:
    if not isinstance(value, dict):
        return f"{place} is {_told(value)}, and should be an object"
    known = {key.rstrip("?"): of for key, of in wanted.items() if key != OTHERS}
    if missing := [key for key in wanted if key not in value and key != OTHERS and not key.endswith("?")]:
        return f"{place} says nothing of {missing[0]}"
    parts = ((key, one, known.get(key, wanted.get(OTHERS))) for key, one in value.items())
    inside = "" if place == "it" else f"{place}."
    return _first(_differs(one, of, f"{inside}{key}") for key, one, of in parts if of is not None)


def _is(value: Any, wanted: str) -> bool:
    number = isinstance(value, (int, float))
    if wanted == TEXT:
        return isinstance(value, str)
    return number or (value is None and wanted != NUMBER)


def _told(value: Any) -> str:
    kinds = {list: "a list", dict: "an object", type(None): "null"}
    return kinds.get(type(value), repr(value)[:40])


def left_in_the_end(report: Mapping[str, Any], measure: str) -> float | None:
    """Share of a recipe's measure that the pruned network has; None for one that no report counts."""
    sides = report.get({"macs": "macs", "params": "parameters"}.get(measure, ""))
    return sides["final"] / sides["baseline"] if sides else None
