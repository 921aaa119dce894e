"""The figures as one table to read: two rows a network, ours and the peer's."""

from pruning.bench.request import PEER

TIMES = ("trace", "verify", "construct", "score", "plan", "cut", "sum")
HEAD = ("network", "forward", "by", *TIMES, "ratio", "bare", "replan", "peak MB", "left")
LEGEND = """
ms, medians of {repeats}, one thread, in turn in one process; {processor}, torch {torch}, torchvision {torchvision}.
Asked of both: {ratio:.0%} of every group's channels by L1, output layers whole, a new network beside the old.
trace      ChannelGraph(verify=False); the peer's DependencyGraph().build_dependency
verify     a cut against a masked network, part of ChannelGraph by default; the peer has none
construct  the peer's pruner: it traces and counts the groups
sum        score + plan + cut; ratio: the peer's in units of ours; bare: that without its copy of the network
replan     a plan for {again:.0%} instead; the peer's with its scoring, which it cannot keep, without its pruner
peak MB    resident memory at its highest above the loaded network, trace to cut, ours verified, in a fresh process
left       parameters of the cut network (of part of a channel, ours keeps it, the peer cuts it); broken: it does not run
A side that takes over {seconds:g} s or {gigabytes:g} GB in the fresh process is ended and has no figures.
"""  # noqa: E501 (wide, as the table is)


def as_table(found: dict) -> str:
    """`measure`'s figures with a legend, numbers in columns; a side without figures says why in its row."""
    rows: list[tuple[str, ...]] = [HEAD]
    for row in found["networks"]:
        rows += lines_of(row, found["versions"])
    widths = [max(len(row[c]) for row in rows if len(row) == len(HEAD)) for c in range(len(HEAD))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if name in ("network", "by") else cell.rjust(width)
            for name, cell, width in zip(HEAD, row, widths, strict=False)
        ]
        if len(row) < len(HEAD):  # the reason runs over the columns of figures
            cells[-1] = row[-1]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n" + legend(found)


def legend(found: dict) -> str:
    """What the columns hold, and how it was measured."""
    return LEGEND.rstrip().format(
        repeats=found["repeats"],
        processor=found["machine"]["processor"],
        ratio=found["request"]["ratio"],
        again=found["request"]["ratio_again"],
        seconds=found["limits"]["seconds"],
        gigabytes=found["limits"]["gigabytes"],
        torch=found["versions"]["torch"],
        torchvision=found["versions"]["torchvision"],
    )


def lines_of(row: dict, versions: dict) -> list[tuple[str, ...]]:
    """The two rows of a network; of a side without figures, a shorter one that ends with the reason."""
    lines = []
    for name, side in row["sides"].items():
        first = (row["network"], number(row["forward_ms"])) if name == "ours" else ("", "")
        by = name if name == "ours" else f"{PEER} {versions[PEER] or ''}".strip()
        if side["refused"]:
            lines.append((*first, by, side["refused"]))
            continue
        factors = ("", "") if name == "ours" else (number(row["ratio"]), number(row["ratio_without_copy"]))
        times = (number(side["ms"].get(phase)) for phase in TIMES)
        left = "broken" if side["broken"] else f"{side['parameters_left'] / row['parameters']:.1%}"
        end = (number(side["ms"]["replan"]), number(side["peak_mb"]), left)
        lines.append((*first, by, *times, *factors, *end))
    return lines


def in_one_line(row: dict) -> str:
    """What is told of a network when it is done."""
    told = []
    for name, side in row["sides"].items():
        figure = side["refused"] or f"{number(side['ms']['sum'])} ms, {number(side['peak_mb'])} MB"
        told.append(f"{name} {figure}")
    return f"{row['network']}: score, plan and cut: {'; '.join(told)}"


def number(value: float | None) -> str:
    """Three digits or so: 0.42, 8.71, 56.4, 312."""
    if value is None:
        return "-"
    return f"{value:.{0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2}f}"
