"""What is left of a network, as one table to read: a row a criterion and its widths, a block a cut."""

from collections.abc import Sequence

import numpy as np

from pruning.bench.request import PEER

HEAD = ("by", "criterion", "widths", "groups", "MACs cut", "raw", "recalibrated", "reconstructed", "matched")
REPAIRS = {"none": "raw", "recalibrate": "recalibrated", "reconstruct": "reconstructed", "match": "matched"}
LEGEND = """
Accuracy in percent on {images:,} test images, {mean}; no training, the same {calibration:,} training images for both.
Full network: {baseline:.2f} %. {processor}, {threads} threads, torch {torch}; MACs counted by us for both, pruning ratios {cuts}.
groups     which may be cut: all, or those inside blocks (then the peer is told to ignore what writes residual streams)
uniform    the same share of every group; error: by reconstruction error; global: one ranking; isomorphic: one a kind of group
-steps     ratio 1 in 400 steps until the budget is met, as in the peer's own benchmark; otherwise its ratio is bisected
recalibrated: ours, given to both; reconstructed and matched are ours; no repair uses a label
"""  # noqa: E501 (wide, as the table is)


def as_table(found: dict) -> str:
    """`measure_accuracy`'s figures with a legend; a row without figures says why."""
    blocks = [block(found, cut) for cut in found["request"]["cuts"]]
    return "\n\n".join(blocks) + "\n" + legend(found)


def block(found: dict, cut: float) -> str:
    """The rows of one cut, numbers in columns."""
    rows = [HEAD, *lines_of(found, cut)]
    if found["peer_refused"]:
        rows.append((PEER, found["peer_refused"]))
    whole = [row for row in rows if len(row) == len(HEAD)]
    widths = [max(len(row[c]) for row in whole) for c in range(len(HEAD))]
    lines = [f"{cut:.0%} of the MACs cut"]
    for row in rows:
        cells = [
            cell.ljust(width) if c < 4 else cell.rjust(width)
            for c, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        if len(row) < len(HEAD):  # the reason runs over the columns of figures
            cells[-1] = row[-1]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def lines_of(found: dict, cut: float) -> list[tuple[str, ...]]:
    """A line a (by, criterion, widths, groups), in the order in which they were measured."""
    told: dict[tuple, list[dict]] = {}
    for row in found["rows"]:
        if row["cut"] == cut:
            told.setdefault((row["by"], row["criterion"], row["widths"], row["scope"]), []).append(row)
    lines = []
    for (by, *names), rows in told.items():
        first = (by if by == "ours" else PEER, *names)
        refused = next((row["refused"] for row in rows if row["refused"]), None)
        if refused:
            lines.append((*first, refused))
            continue
        cells = [spread([row["hits"] for row in rows if row["repair"] == how]) for how in REPAIRS]
        lines.append((*first, f"{np.mean([row['macs_cut'] for row in rows]):.1%}", *cells))
    return lines


def spread(answers: Sequence[str]) -> str:
    """Mean and, of two or more seeds, standard deviation, in per cent; empty where nothing was measured."""
    shares = [100 * hits.count("1") / len(hits) for hits in answers]
    if not shares:
        return ""
    return f"{np.mean(shares):.1f}" + (f" ± {np.std(shares, ddof=1):.1f}" if len(shares) > 1 else "")


def legend(found: dict) -> str:
    """What the columns hold, and how it was measured."""
    request = found["request"]
    seeds = len(request["seeds"])
    return LEGEND.rstrip().format(
        images=found["test_images"],
        mean=f"mean ± deviation over {seeds} seeds" if seeds > 1 else f"seed {request['seeds'][0]}",
        calibration=request["recipe"]["calibration"],
        baseline=100 * found["baseline"].count("1") / found["test_images"],
        processor=found["machine"]["processor"],
        threads=request["recipe"]["threads"],
        torch=found["versions"]["torch"],
        cuts=", ".join(f"{cut:.0%}" for cut in request["cuts"]),
    )


def in_one_line(row: dict) -> str:
    """What is told of a row when it is measured."""
    who = "ours" if row["by"] == "ours" else PEER
    figure = row["refused"] or f"{spread([row['hits']])} % ({row['macs_cut']:.1%} of the MACs gone)"
    way = f"{row['criterion']}, {row['widths']} ({row['scope']}), {row['repair']}"
    return f"{who}: {way}, {row['cut']:.0%}, seed {row['seed']}: {figure}"
