"""Where the nodes of a graph stand, drawn from top to bottom: rows by the longest way from the start, lanes
beside each other, and tracks at the left for what skips rows that others stand in.

The same places serve two drawings of one graph, so that a layer stands at the same height in both."""

from collections.abc import Sequence
from dataclasses import dataclass

Sources = Sequence[Sequence[int]]
STRAIGHT, ACROSS, DOWN, TRACK = "straight", "across", "down", "track"


@dataclass(frozen=True)
class Edge:
    """From one node to another that reads it. way: straight (down its own lane); across (to the reader's lane
    at once, then down); down (down its own lane, then to the reader's); track (by a track at the left).
    track: 0 is the nearest to the nodes; -1 where there is none."""

    source: int
    target: int
    way: str
    track: int = -1


@dataclass(frozen=True)
class Layout:
    """rows, lanes: of every node, from 0.   edges: all of them.   tracks: how many there are."""

    rows: tuple[int, ...]
    lanes: tuple[int, ...]
    edges: tuple[Edge, ...]
    tracks: int


def layout(sources: Sources) -> Layout:
    """sources: for each node those that it reads, which come before it."""
    rows = rows_of(sources)
    lanes = lanes_of(sources, rows)
    taken = {place: number for number, place in enumerate(zip(rows, lanes, strict=True))}
    pairs = [(s, t) for t, read in enumerate(sources) for s in read]
    ways = {(s, t): way(s, t, rows, lanes, taken) for s, t in pairs}
    skipping = {s: max(rows[t] for a, t in pairs if a == s and ways[a, t] == TRACK) for s in skipped(ways)}
    tracks = packed({s: (rows[s], last) for s, last in skipping.items()})
    edges = [Edge(s, t, ways[s, t], tracks[s] if ways[s, t] == TRACK else -1) for s, t in pairs]
    return Layout(tuple(rows), tuple(lanes), tuple(edges), 1 + max(tracks.values(), default=-1))


def rows_of(sources: Sources) -> list[int]:
    """The longest way from a node that reads nothing."""
    rows: list[int] = []
    for read in sources:
        rows.append(1 + max((rows[s] for s in read), default=-1))
    return rows


def lanes_of(sources: Sources, rows: Sequence[int]) -> list[int]:
    """A node goes on in the leftmost lane of what it reads; where that is taken, in the next lane that is
    free from there on."""
    lanes: list[int] = []
    taken: set[tuple[int, int]] = set()
    for number, read in enumerate(sources):
        row, start = rows[number], min((lanes[s] for s in read), default=0)
        first = min((rows[s] for s in read), default=row - 1) + 1
        lane = start
        while (row, lane) in taken:
            lane += 1
            if lane > start and all((between, lane) not in taken for between in range(first, row + 1)):
                break
        taken.add((row, lane))
        lanes.append(lane)
    return lanes


def way(s: int, t: int, rows, lanes, taken: dict[tuple[int, int], int]) -> str:
    """The way from a node to its reader that crosses no other node."""

    def free(lane: int) -> bool:
        return not any((row, lane) in taken for row in range(rows[s] + 1, rows[t]))

    if free(lanes[t]):
        return STRAIGHT if lanes[s] == lanes[t] else ACROSS
    return DOWN if lanes[s] != lanes[t] and free(lanes[s]) else TRACK


def skipped(ways: dict[tuple[int, int], str]) -> list[int]:
    """The nodes from which an edge goes by a track, each once."""
    return list(dict.fromkeys(s for (s, _), found in ways.items() if found == TRACK))


def packed(spans: dict[int, tuple[int, int]]) -> dict[int, int]:
    """{node: track}: the shortest spans nearest to the nodes; two share a track where one ends before the
    other begins."""
    tracks: list[list[tuple[int, int]]] = []
    found = {}
    for node, (first, last) in sorted(spans.items(), key=lambda item: (item[1][1] - item[1][0], item[1])):
        number = next(
            (n for n, held in enumerate(tracks) if all(last <= a or first >= b for a, b in held)), len(tracks)
        )
        if number == len(tracks):
            tracks.append([])
        tracks[number].append((first, last))
        found[node] = number
    return found
