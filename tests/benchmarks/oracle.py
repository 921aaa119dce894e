"""Which criterion is right, group by group: docs/oracle.md.

python -m tests.benchmarks.oracle [--threads N]      bundled ResNet-20 on scenes, every inner group
"""

import argparse
import os

import pandas as pd
import torch

from pruning.experiment import Recipe
from pruning.inspection.oracle import measure_oracle
from pruning.inspection.preview import describe
from tests.benchmarks.speed import ROOT, machine

ABOUT = """# Which criterion is right? The oracle's answer

`python -m tests.benchmarks.oracle`, {machine}. Bundled ResNet-20 on `scenes`, its {groups} groups written by
one layer, {images} hold-out images that it was never trained on, 1,000 calibration images, seed 0. For every
channel alone the rise of cross-entropy when it is removed is measured, raw and with the norms recalibrated.
*Foresight*: Spearman's rank correlation of a criterion's scores with these rises, mean and smallest over
groups. *Regret*: what removing the half of a group that the criterion chooses costs over the best choice
known (that of any criterion, or of the single rises), in nats, mean and largest over groups.

| criterion | foresight, raw | smallest | foresight, recalibrated | smallest | regret | largest |
|---|---|---|---|---|---|---|
"""
SAID = """
Removing half of a group by the single rises themselves is the best choice known in {single} of {groups}
groups: what a channel costs alone is not what it costs together with others, which is what regret sees and
foresight does not.
"""


def judged(threads: int) -> tuple[pd.DataFrame, int, int]:
    """A row a (group, criterion), how many images were looked at, and where the single rises chose best."""
    recipe = Recipe(criterion="l1", threads=threads, cut=0.5)
    groups = [group.name for group in describe(recipe).structure.groups if group.inner]
    found = [measure_oracle(recipe, group) for group in groups]
    rows = pd.concat([oracle.criteria.assign(group=oracle.group) for oracle in found])
    single = sum(float(oracle.criteria["regret"].min()) > 0 for oracle in found)
    return rows, found[0].images, single


def table(rows: pd.DataFrame) -> list[str]:
    """The criteria by their mean regret, the least first."""
    lines = []
    for name, of in sorted(rows.groupby("criterion"), key=lambda item: item[1]["regret"].mean()):
        cells = [
            f"{of[column].mean():.2f} | {of[column].min():.2f}"
            for column in ("foresight", "foresight_repaired")
        ]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {of['regret'].mean():.3f} | {of['regret'].max():.3f} |"
        )
    return lines


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    rows, images, single = judged(threads)
    groups = rows["group"].nunique()
    text = ABOUT.format(machine=machine(), groups=groups, images=images) + "\n".join(table(rows)) + "\n"
    text += SAID.format(single=single, groups=groups)
    (ROOT / "docs" / "oracle.md").write_text(text)
    print(text)
