"""The process that measures: one network, one thread. Its last line of output is what it found, as JSON.

python -m pruning.bench.child memory NETWORK SIDE
python -m pruning.bench.child speed NETWORK REPEATS [SIDE ...]
"""

import contextlib
import gc
import json
import sys
import time
from pathlib import Path

import torch
from torch import nn

from pruning.bench.request import SHAPE, THREADS
from pruning.bench.sides import SIDE, Clock, Done
from pruning.error_messages import first_line

STATUS = Path("/proc/self/status")  # Linux; elsewhere there are no figures for memory
FORWARD = 5  # forward passes timed


def loaded(name: str) -> tuple[nn.Module, torch.Tensor]:
    """torchvision's network of this name with random weights, in evaluation mode, and a random image."""
    from torchvision.models import get_model

    torch.manual_seed(0)
    return get_model(name, weights=None).eval(), torch.randn(SHAPE)


def warmed(side: str):
    """A small cut beforehand: what a side imports, and what torch sets up, is no part of any figure."""
    small = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3))
    SIDE[side](nn.Sequential(small, nn.Flatten(), nn.Linear(128, 4)).eval(), torch.randn(1, 3, 8, 8), Clock())


def memory(name: str, side: str, say) -> dict:
    """{"peak_mb": resident memory at its highest, in 10^6 bytes above that of the loaded network}."""
    model, example = loaded(name)
    warmed(side)
    gc.collect()
    if STATUS.exists():
        with contextlib.suppress(PermissionError):  # then the mark of loading stays, and hides a lower one
            Path("/proc/self/clear_refs").write_text("5")  # lowers the high-water mark to what is held now
    before = high_water()
    say("ready")  # here the time that a side may take begins
    done = SIDE[side](model, example, Clock())
    after = high_water()
    del done
    return {"peak_mb": None if before is None else (after - before) / 1e6}


def high_water() -> int | None:
    """Bytes that this process held at its highest; getrusage would count in what its parent held."""
    if not STATUS.exists():
        return None
    return 1024 * int(next(x.split()[1] for x in STATUS.read_text().splitlines() if x.startswith("VmHWM")))


def speed(name: str, repeats: int, sides: list[str]) -> dict:
    """The network's number of parameters, forward passes in ms, and for each side the ms of every phase of
    every repetition: the sides take turns, and take turns at being first."""
    model, example = loaded(name)
    found = {side: {"refused": None, "raw_ms": []} for side in sides}
    forward = [forward_ms(model, example) for _ in range(FORWARD + 1)][1:]  # the first one sets things up
    for turn in range(repeats):
        for side in sides if turn % 2 == 0 else sides[::-1]:
            if found[side]["refused"] is None:
                found[side] |= one_turn(side, model, example, found[side]["raw_ms"])
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "forward_raw_ms": forward,
        "sides": found,
    }


def one_turn(side: str, model: nn.Module, example: torch.Tensor, raw: list[dict]) -> dict:
    """Adds one repetition to `raw`; of the first one, says what it left, of a failed one, why."""
    clock = Clock()
    try:
        if not raw:
            warmed(side)
        gc.collect()  # neither pays for what the other left behind
        done = SIDE[side](model, example, clock)
        left = {} if raw else what_is_left(done, example)
        done.more()
    except Exception as error:  # whatever a side raises is its answer for this network
        return {"refused": f"refused: {first_line(error)}"}
    ms = clock.ms
    ms["sum"] = ms["score"] + ms["plan"] + ms["cut"]
    ms["sum_without_copy"] = ms["sum"] - ms.get("copy", 0.0)
    raw.append(ms)
    return left


def what_is_left(done: Done, example: torch.Tensor) -> dict:
    """Parameters of the cut network, and why it does not run on the example (None: it does)."""
    told = {"parameters_left": sum(p.numel() for p in done.network.parameters()), "broken": None}
    try:
        forward_ms(done.network, example)
    except Exception as error:
        told["broken"] = first_line(error)
    return told


@torch.no_grad()
def forward_ms(model: nn.Module, example: torch.Tensor) -> float:
    """Milliseconds of one forward pass."""
    start = time.perf_counter()
    model(example)
    return 1000 * (time.perf_counter() - start)


def main(words: list[str]):
    """Measures what the words say, and prints it; an error of the network or the side is what is found."""
    out = sys.stdout

    def say(line: str):
        print(line, file=out, flush=True)

    torch.set_num_threads(THREADS)
    what, name, *rest = words
    with contextlib.redirect_stdout(sys.stderr):  # the last line is ours, whatever a side prints
        try:
            found = speed(name, int(rest[0]), rest[1:]) if what == "speed" else memory(name, rest[0], say)
        except Exception as error:
            found = {"refused": f"refused: {first_line(error)}"}
    say(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
