"""docs/methods.md, from what was measured by `criteria` (cifar, scenes, controls), `subtask`, `search` and
`speed`.

python -m tests.benchmarks.methods      stops with the name of a row that has not been measured
"""

from pruning.ui.learn.claims import claims
from tests.benchmarks import one_shot, search, subtask
from tests.benchmarks.claims import table as claims_table
from tests.benchmarks.criteria import filled
from tests.benchmarks.measured import ROOT, row
from tests.benchmarks.speed import machine


def speed_table() -> list[str]:
    """The table of docs/speed.md."""
    lines = (ROOT / "docs" / "speed.md").read_text().splitlines()
    return [line for line in lines if line.startswith("|")]


if __name__ == "__main__":
    for name in search.ALLOCATIONS:
        for seed in search.SEEDS:
            row(search.key(name, seed))  # its table would measure what is missing
    parts = {f"shot_{place}": one_shot.shot_table(place) for place in one_shot.PLACES}
    parts |= {f"labels_{place}": one_shot.labels_table(place) for place in ("resnet56", "scenes")}
    parts |= {"subtask": subtask.triples_table(), "widths": subtask.widths_table()}
    parts |= {"search": search.table(threads=1), "time": speed_table(), "machine": [machine()]}
    parts |= {"claims": claims_table(list(claims()))}
    filled(parts, "methods.md")
