"""docs/engine.md: how much of every network can be cut, whether rightly, and how fast.

python -m tests.benchmarks.engine coverage [NETWORK ...]     every network of torchvision and the zoo
python -m tests.benchmarks.engine correctness [NETWORK ...]  ours and Torch-Pruning side by side
python -m tests.benchmarks.engine streams                    residual streams of the public ResNets: needs PRUNING_DATA
python -m tests.benchmarks.engine bench                      python -m pruning bench, kept
python -m tests.benchmarks.engine write                      docs/engine.md, from what was measured

What is kept in .measured/engine is not measured again, unless the engine has changed since, or by --anew.
"""  # noqa: E501 (a line a part)

import argparse

import torch

from tests.benchmarks import engine_correctness, engine_coverage, engine_streams

if __name__ == "__main__":
    p = argparse.ArgumentParser()
    p.add_argument("part")
    p.add_argument("names", nargs="*")
    p.add_argument("--anew", action="store_true")
    g = p.parse_args()
    torch.set_num_threads(1)
    {"coverage": engine_coverage, "correctness": engine_correctness, "streams": engine_streams}[g.part].measure(g.names, anew=g.anew)
