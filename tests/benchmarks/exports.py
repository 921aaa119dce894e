"""Exports of many networks, whole and cut, against PyTorch; and how fast a runtime runs them.

    python -m tests.benchmarks.exports            the networks that come along: docs/measured/exports.csv
    python -m tests.benchmarks.exports MODEL      one of them, added to it
    python -m tests.benchmarks.exports others     20 of torchvision and of the tests' zoo, added to it
    python -m tests.benchmarks.exports speed      ResNet-20 and -56 in two runtimes: export_speed.csv

One thread. Every ONNX file and every program runs on up to 500 test images (others: 70 random ones), in
batches of 1, 5 and 64; in the end all ONNX files run once more in a fresh process that has onnxruntime alone.
"""

import csv
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn

import pruning
from pruning.experiment.export_subject import subject_of_run
from pruning.experiment.loading import load
from pruning.experiment.recipe import Recipe
from pruning.export.checked_files import write_checked
from pruning.export.formats import FORMATS
from pruning.export.subject import Subject, subject_of
from pruning.models import bundled
from pruning.quantize.rounding import quantize
from tests.benchmarks import engine_networks
from tests.cut_networks import cut_everywhere, with_closed_blocks

MEASURED = Path(__file__).resolve().parents[2] / "docs" / "measured"
FORMS = ("onnx", "exported")
ALL = "all"
TORCHVISION = (
    "alexnet densenet121 efficientnet_b0 googlenet inception_v3 mnasnet0_5 mobilenet_v2 mobilenet_v3_small "
    "regnet_x_400mf regnet_y_400mf resnet18 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 vgg11_bn "
    "lraspp_mobilenet_v3_large"
).split()
ZOO = ("squeeze and excitation", "gated linear unit", "channel shuffle by hand", "pixel shuffle")
COLUMNS = "network cut format seconds bytes difference largest same of unit error".split()
ALONE = """
import sys
import numpy as np
import onnxruntime
worst = 0.0
for file in sys.argv[1:]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    given = np.load(file + ".npz")
    names = [one.name for one in session.get_inputs()]
    for n in (1, 2, 3, 7, 64):
        answer = session.run(None, {name: given[name][:n] for name in names})[0]
        gap = np.abs(answer - given["answer"][:n]).max() / max(1.0, np.abs(given["answer"]).max())
        worst = max(worst, float(gap))
assert not {"torch", "pruning", "onnx"} & set(sys.modules)
print(worst)
"""


def cuts(model: nn.Module, example, labelled) -> Iterator[tuple[str, nn.Module]]:
    """The network whole and cut in the ways that are hard to export."""
    yield "whole", model
    graph = pruning.ChannelGraph(model, example)
    plan = pruning.plan(graph, pruning.score(graph, "l1"), cut=0.5)
    yield "uniform, 50 %", pruning.cut(model, plan).eval()
    yield "all groups, 50 %", cut_everywhere(model, example)
    try:
        yield "closed blocks", with_closed_blocks(model, example)
    except ValueError:  # no branch that may close, or no channel on which a gate may stand
        pass
    if labelled is not None:
        small = pruning.cut(model, plan).eval()
        yield "4 bits", quantize(small, labelled, bits=4, by="error", calibration=20).model.eval()


def measured(network: str, kind: str, subject: Subject, folder: Path) -> Iterator[dict]:
    for name in FORMS:
        path, start = folder / f"{len(list(folder.iterdir()))}{FORMATS[name].endings[0]}", time.perf_counter()
        row = {"network": network, "cut": kind, "format": name, "error": ""}
        try:
            made = write_checked(name, subject, path)
            check = made.check
            row |= {"bytes": sum(made.bytes), "difference": f"{check.difference:.1e}", "same": check.same}
            row |= {"of": check.of, "unit": check.unit, "largest": f"{check.largest:.1f}"}
            if name == "onnx":
                kept = {each: given[:64].numpy() for each, given in subject.inputs.items()}
                answer = subject.run(*(given[:64] for given in subject.inputs.values()))[0]
                np.savez(f"{path}.npz", answer=answer.numpy(), **kept)
        except ValueError as error:
            row |= {"error": str(error)}
        yield row | {"seconds": f"{time.perf_counter() - start:.1f}"}


def of_bundled(folder: Path, wanted: str) -> Iterator[dict]:
    for model, data in (pair for pair in bundled() if wanted in (ALL, pair[0])):
        loaded = load(Recipe(model=model, data=data, criterion="l1", threads=1, device="cpu"))
        train, task = loaded.data.train, loaded.data.task
        labelled = (train.images[:40], train.labels[:40]) if task.name == "classification" else None
        if labelled:
            given = pruning.data.inputs_of(train, slice(40), loaded.model.origin.normalization)
            labelled = (given, torch.from_numpy(np.array(train.labels[:40])))
        for kind, small in cuts(loaded.model, loaded.graph.example, labelled):
            subject, _ = subject_of_run(loaded, small)
            yield from measured(f"{model} on {data}", kind, subject, folder)


def of_others(folder: Path) -> Iterator[dict]:
    for name in (*TORCHVISION, *(f"zoo: {each}" for each in ZOO)):
        model, example = engine_networks.network(name)
        model.eval()
        images = torch.randn(70, *example.shape[1:])
        try:
            small = cut_everywhere(model, example)
        except ValueError:
            small = model
        yield from measured(name, "all groups, 50 %", subject_of(small, images), folder)


def speed() -> Iterator[dict]:
    """Whole against cut, folded alike by each runtime's own means."""
    for name in ("resnet20", "resnet56"):
        model = pruning.load_model(name, "digits", "none").eval()
        graph = pruning.ChannelGraph(model, torch.randn(1, 3, 32, 32))
        scores, images = pruning.score(graph, "l1"), torch.randn(64, 3, 32, 32)
        for cut, rounded in ((0.3, 1), (0.3, 8), (0.5, 1), (0.5, 8)):
            plan = pruning.plan(graph, scores, cut=cut, round_to=rounded)
            subject = subject_of(pruning.cut(model, plan), images)
            for form in ("exported", "onnx"):
                with tempfile.TemporaryDirectory() as scratch:
                    path = Path(scratch, f"n{FORMATS[form].endings[0]}")
                    made = write_checked(form, subject, path, whole=model)
                for batch, ms in made.milliseconds.items():
                    row = {"network": name, "cut": f"{plan.achieved:.3f}", "round_to": rounded}
                    row |= {"runtime": made.runtime, "batch": batch, "whole_ms": ms["baseline"]}
                    yield row | {"cut_ms": ms["final"], "times": f"{ms['baseline'] / ms['final']:.2f}"}


def main(what: str):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if what == "speed":
            rows = speed()
            columns = ("network", "cut", "round_to", "runtime", "batch", "whole_ms", "cut_ms", "times")
            file = MEASURED / "export_speed.csv"
        else:
            rows = of_others(folder) if what == "others" else of_bundled(folder, what)
            columns, file = COLUMNS, MEASURED / "exports.csv"
        with file.open("w" if what in (ALL, "speed") else "a", newline="") as target:
            writer = csv.DictWriter(target, columns, lineterminator="\n")
            if what in (ALL, "speed"):
                writer.writeheader()
            for row in rows:
                writer.writerow(row)
                target.flush()
                print(*row.values(), sep="\t", flush=True)
        files = sorted(map(str, folder.glob("*.onnx")))
        if files:
            done = subprocess.run([sys.executable, "-I", "-c", ALONE, *files], capture_output=True, text=True)
            print(f"{len(files)} ONNX files in a fresh process: {done.stdout or done.stderr}")


if __name__ == "__main__":
    main((sys.argv[1:] or [ALL])[0])
