"""docs/compression.md, from what was measured; what was not is measured now.

python -m tests.benchmarks.compression [--threads N]      needs PRUNING_DATA (the public ResNet-56 and its
images)
"""

import argparse

import torch

from tests.benchmarks import distillation, quantization
from tests.benchmarks.measured import ROOT
from tests.benchmarks.speed import machine

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    text = (ROOT / "tests" / "benchmarks" / "compression.md.in").read_text()
    parts = {"machine": [f"{machine()}, threads {threads}"]}
    parts |= distillation.tables(threads) | quantization.tables(threads)
    for name, lines in parts.items():
        text = text.replace("{" + name + "}", "\n".join(lines))
    (ROOT / "docs" / "compression.md").write_text(text)
