"""Which rate, and how many epochs, after each repair: docs/tuning.md. Judged on the hold-out alone.

python -m tests.benchmarks.repair rates     rows of docs/measured/rates.csv, as soon as they are there
python -m tests.benchmarks.repair_rates     writes the document

The test part is read nowhere here. Every image of the hold-out is noted after each epoch, so that the rule by
which `fit` keeps a state is judged as well: chosen on one half, told on the other.
"""

import copy
import csv
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from pruning.data import to_tensor
from pruning.train import fit
from tests.benchmarks.criteria import filled
from tests.benchmarks.engine_rows import table
from tests.benchmarks.measured import ROOT, remembered, row
from tests.benchmarks.measured import known as is_known
from tests.benchmarks.repaired import DEEP, REPAIRS, TITLES, Case, repaired
from tests.benchmarks.speed import machine

ROWS = ROOT / "docs" / "measured" / "rates.csv"
RATES = (0.001, 0.003, 0.01, 0.03, 0.05)
FEWER = (0.003, 0.01, 0.05)
EPOCHS = 2
MORE = (1, 5)  # epochs, at FEWER rates
SCENES = "resnet20-scenes"
SMALL = ("resnet20-digits", "resnet20-cifar10")  # bundled, and public: few images
OTHERS = ("vgg16_slim-scenes", "mobilenet_v2_slim-scenes")
COLUMNS = "network cut seed repair rate epochs epoch images correct loss".split()


@dataclass(frozen=True)
class Tried:
    """One fine-tuning at one rate after one repair."""

    place: str
    cut: float
    repair: str
    rate: float
    epochs: int = EPOCHS
    seed: int = 0

    @property
    def key(self) -> str:
        return f"rates-{self.place}-{self.repair}-{self.cut:g}-{self.rate:g}-{self.epochs}-{self.seed}"


def cases() -> list[Tried]:
    """In the order in which they matter: what is stopped half-way has answered the first question."""

    def after(repair: str, places, cuts, rates=RATES, epochs=EPOCHS) -> list[Tried]:
        return [Tried(p, cut, repair, rate, epochs) for cut in cuts for p in places for rate in rates]

    found = after("match", SMALL, (0.5, 0.7)) + after("match", (SCENES,), (0.5, 0.7), FEWER)
    found += [case for how in REPAIRS[::-1] for case in after(how, SMALL, (0.5,))]
    found += [case for epochs in MORE for case in after("match", SMALL, (0.5,), FEWER, epochs)]
    found += after("match", SMALL, (0.3,)) + after("match", OTHERS, (0.5,), FEWER)
    found += [case for how in ("reconstruct", "none") for case in after(how, (SCENES,), (0.5,), FEWER)]
    return list(dict.fromkeys(found + after("match", (DEEP,), (0.5,), FEWER)))


def measure(given):
    wanted = [c for c in cases() if not given.networks or c.place in given.networks]
    for case in (c for c in wanted if not given.cuts or c.cut in given.cuts):
        remembered(case.key, lambda case=case: tried(case, given.threads))
        written()


def tried(case: Tried, threads: int) -> dict:
    """{"right": [epochs + 1, images], "losses": alike, nats} of the hold-out, before and after each epoch."""
    loaded, small = start_of(Case(case.place, case.cut, case.seed, repair=case.repair), threads)
    small = copy.deepcopy(small)
    normalization = loaded.model.origin.normalization
    said = [answers(small, loaded.data.holdout, normalization)]

    def watch(stage, done, total, **values):
        if values.get("epoch") and "accuracy" in values:
            said.append(answers(small, loaded.data.holdout, normalization))

    options = {"lr": case.rate, "seed": case.seed, "normalization": normalization}
    fit(small, loaded.data, epochs=case.epochs, watch=watch, **options)
    right, losses = zip(*said, strict=True)
    return {"right": right, "losses": losses, "train": len(loaded.data.train)}


@lru_cache(maxsize=1)
def start_of(case: Case, threads: int):
    """What is loaded, and the repaired network, which is not to be changed."""
    loaded, _, small, _ = repaired(case, threads)
    return loaded, small


def answers(model, split, normalization) -> tuple[list[int], list[float]]:
    """Of every image: whether it is right, and its cross-entropy, nats."""
    from pruning.models.module_modes import mode_kept

    labels, found = torch.from_numpy(np.array(split.labels)), []
    with mode_kept(model), torch.inference_mode():
        model.eval()
        found = [
            model(to_tensor(split.images[at : at + 256], normalization)) for at in range(0, len(split), 256)
        ]
    logits = torch.cat(found)
    losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    return (logits.argmax(1) == labels).int().tolist(), [round(float(x), 5) for x in losses]


def known() -> list[tuple[Tried, dict]]:
    return [(case, row(case.key)) for case in cases() if is_known(case.key)]


def written():
    """All that is known, as rows of the table."""
    ROWS.parent.mkdir(exist_ok=True)
    with ROWS.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for case, found in known():
            what = (case.place, case.cut, case.seed, case.repair, case.rate, case.epochs)
            for epoch, (right, losses) in enumerate(zip(found["right"], found["losses"], strict=True)):
                writer.writerow([*what, epoch, len(right), sum(right), round(float(np.mean(losses)), 5)])


# ------------------------------------------------------------------------------------------- the document


def rates_table() -> list[str]:
    """A row a start: hold-out accuracy (%) and loss (nats) before, and after all epochs at each rate."""
    starts: dict[tuple, dict[float, dict]] = {}
    for case, found in known():
        starts.setdefault((case.place, case.repair, case.cut, case.epochs), {})[case.rate] = found
    lines = []
    for (place, repair, cut, epochs), at in starts.items():
        right = next(iter(at.values()))["right"][0]
        cells = [place, TITLES[repair], f"{cut:.0%}", str(epochs), str(len(right))]
        cells += [cell(next(iter(at.values())), 0)]
        lines.append(cells + [cell(at[rate], -1) if rate in at else "" for rate in RATES])
    head = ["network", "start", "MACs cut", "epochs", "images", "before", *map(str, RATES)]
    return table(head, lines)


def cell(found: dict, epoch: int) -> str:
    return f"{100 * np.mean(found['right'][epoch]):.1f} / {np.mean(found['losses'][epoch]):.3f}"


RULES = {
    "the start, always": lambda right, losses: 0,
    "the last epoch, always": lambda right, losses: len(losses) - 1,
    "the least loss": lambda right, losses: int(np.argmin(losses)),
    "the most right answers, then the least loss": lambda right, losses: int(np.lexsort((losses, -right))[0]),
    "the least loss of those with no fewer right answers than the start": lambda right, losses: int(
        np.argmin(np.where(right >= right[0], losses, np.inf))
    ),
}


def rules_table(splits: int = 200) -> list[str]:
    """What each rule chooses on one half of the hold-out is worth on the other, against the start there."""
    lines = []
    for repaired_first, title in ((True, "after match or reconstruct"), (False, "raw or recalibrated")):
        runs = [
            (np.array(found["right"]), np.array(found["losses"]))
            for case, found in known()
            if (case.repair in ("match", "reconstruct")) == repaired_first
        ]
        for name, rule in RULES.items() if runs else ():
            gains = np.array([gain(rule, *run, splits) for run in runs])
            mean, worst = 100 * gains[:, 0].mean(), 100 * gains[:, 0].min()
            lines.append([title, name, f"{mean:+.2f}", f"{worst:+.2f}", f"{gains[:, 1].mean():+.4f}"])
    head = ["start", "what is kept", "accuracy, points", "in the worst run", "loss, nats"]
    return table(head, lines)


def gain(rule, right: np.ndarray, losses: np.ndarray, splits: int) -> tuple[float, float]:
    """Mean over splits of (accuracy, loss) of what is kept less those of the start, on the other half."""
    random, found = np.random.default_rng(0), []
    for _ in range(splits):
        order = random.permutation(right.shape[1])
        own, other = order[::2], order[1::2]
        kept = rule(right[:, own].sum(1), losses[:, own].mean(1))
        gains = [values[kept, other].mean() - values[0, other].mean() for values in (right, losses)]
        found.append(gains)
    return tuple(np.mean(found, axis=0))


if __name__ == "__main__":
    parts = {"rates": rates_table(), "rules": rules_table(), "machine": [machine()]}
    filled(parts | {"runs": [str(len(known()))]}, "tuning.md")
