"""What is said of an exported file, from what a report tells of it: the same on pages, in reports and at the
command line. No torch."""

from collections.abc import Mapping
from typing import Any

from pruning.export.formats import FORMATS
from pruning.terms import plural

SLOWER = 1.1  # times the full network's milliseconds: less may be chance
SURE = 20  # passes of each network
EAGER = ("exported", "pytorch")  # formats that are timed in PyTorch itself, as the run's own report is
WIDTHS = (
    "Runtimes compute channels in blocks of 8 or 16, and some leave their fast layout at other widths: with "
    "round_to=8 every width is a multiple of 8."
)


def in_words(told: Mapping[str, Any]) -> str:
    """Size, check and time, in a sentence."""
    parts = [size(told), check(told)] + ([time(told)] if told["milliseconds"] else [])
    return f"{'; '.join(parts)}."


def slower(told: Mapping[str, Any]) -> str:
    """A sentence where the pruned network takes longer there than the full one; empty where it does not."""
    times = (told["milliseconds"] or {}).items()
    slow = [images for images, ms in times if ms["final"] > SLOWER * ms["baseline"] and ms["passes"] >= SURE]
    batches = [] if told["format"] in EAGER else slow
    if not batches:
        return ""
    which = " and ".join("one image" if images == "1" else f"a batch of {images}" for images in batches)
    return f"For {which} it takes longer there than the full network. {WIDTHS}"


def title(told: Mapping[str, Any]) -> str:
    return FORMATS[told["format"]].title if told["format"] in FORMATS else told["format"]


def size(told: Mapping[str, Any]) -> str:
    """ "0.56 MB (full network 1.09 MB)"."""
    whole = told["bytes"]["baseline"]
    more = f" (full network {whole / 1e6:.2f} MB)" if whole else ""
    return f"{told['bytes']['final'] / 1e6:.2f} MB{more}"


def check(told: Mapping[str, Any]) -> str:
    """ "same answers on 500 of 500 images, largest difference 2.1e-06"."""
    gap = told["difference"]
    difference = f"largest difference {gap:.1e}" if gap else "no difference at all"
    if not told["of"]:
        return f"on {plural(told['images'], 'example')}, {difference}"
    return f"same answers on {told['same']:,} of {plural(told['of'], told['unit'])}, {difference}"


def time(told: Mapping[str, Any]) -> str:
    """ "one image takes 0.8 ms (full network 1.5), a batch of 64 takes 41 ms (full network 60), torch 2.15.0,
    1 thread"."""
    parts = []
    for images, ms in told["milliseconds"].items():
        batch = "one image" if images == "1" else f"a batch of {images}"
        parts.append(f"{batch} takes {ms['final']:.3g} ms (full network {ms['baseline']:.3g})")
    return f"{', '.join(parts)}, {told['runtime']}, {plural(told['threads'], 'thread')}"
