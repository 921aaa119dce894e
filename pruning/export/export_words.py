"""What is said of an exported file, from what a report tells of it: the same on pages, in reports and at the
command line. No torch."""

from collections.abc import Mapping
from math import inf
from typing import Any

from pruning.export.formats import FORMATS
from pruning.terms import percent, plural

SLOWER = 1.1  # times the full network's milliseconds: less may be chance
SURE = 20  # passes of each network
EAGER = ("exported", "pytorch")  # formats that are timed in PyTorch itself, as the run's own report is
OTHERS = {"baseline": "full network", "unrounded": "unrounded"}  # networks beside the one that is told of
WIDTHS = (
    "Runtimes compute channels in blocks of 8 or 16, and some leave their fast layout at other widths, in "
    "8-bit integers at those that are no multiples of 4: with round_to=8 every width is a multiple of 8."
)


def in_words(told: Mapping[str, Any]) -> str:
    """Size, check and time, in a sentence."""
    parts = [size(told), check(told)] + ([time(told)] if told["milliseconds"] else [])
    return f"{'; '.join(parts)}."


def slower(told: Mapping[str, Any]) -> str:
    """A sentence where the pruned network takes longer there than the full one, or rounded longer than as it
    was; empty where it does not."""
    if told["format"] in EAGER:
        return ""
    times, said = (told["milliseconds"] or {}).items(), []
    for name, other in (("baseline", "than the full network"), ("unrounded", "than without rounding")):
        slow = [n for n, ms in times if ms["final"] > SLOWER * ms.get(name, inf) and ms["passes"] >= SURE]
        if slow:
            which = " and ".join("one image" if n == "1" else f"a batch of {n}" for n in slow)
            said.append(f"For {which} it takes longer there {other}.")
    return " ".join([*said, WIDTHS]) if said else ""


def title(told: Mapping[str, Any]) -> str:
    return FORMATS[told["format"]].title if told["format"] in FORMATS else told["format"]


def size(told: Mapping[str, Any]) -> str:
    """ "0.56 MB (full network 1.09 MB)"."""
    sizes = told["bytes"]
    others = [f"{label} {sizes[name] / 1e6:.2f}" for name, label in OTHERS.items() if sizes.get(name)]
    more = f" ({', '.join(others)} MB)" if others else ""
    return f"{sizes['final'] / 1e6:.2f} MB{more}"


def check(told: Mapping[str, Any]) -> str:
    """ "same answers on 500 of 500 images, largest difference 2.1e-06"."""
    gap = told["difference"]
    difference = f"largest difference {gap:.1e}" if gap else "no difference at all"
    if not told["of"]:
        return f"on {plural(told['images'], 'example')}, {difference}"
    if "values" in told:  # its digits differ, as they must
        values = told["values"]
        final, unrounded = (percent(values[name]) for name in ("final", "unrounded"))
        difference = f"{values['metric']} {final} (unrounded {unrounded})"
    return f"same answers on {told['same']:,} of {plural(told['of'], told['unit'])}, {difference}"


def time(told: Mapping[str, Any]) -> str:
    """ "one image takes 0.8 ms (full network 1.5), a batch of 64 takes 41 ms (full network 60), torch 2.15.0,
    1 thread"."""
    parts = []
    for images, ms in told["milliseconds"].items():
        batch = "one image" if images == "1" else f"a batch of {images}"
        others = [f"{label} {ms[name]:.3g}" for name, label in OTHERS.items() if name in ms]
        parts.append(f"{batch} takes {ms['final']:.3g} ms ({', '.join(others)})")
    return f"{', '.join(parts)}, {told['runtime']}, {plural(told['threads'], 'thread')}"
