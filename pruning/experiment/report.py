"""report.json: what a run found, in numbers."""

import time
from importlib.metadata import version

import numpy as np

from pruning.cost import Plan
from pruning.experiment.sources import Loaded
from pruning.progress import Watch

STAGES = ("baseline", "cut", "repaired", "tuned", "quantized")
LATENCY_BATCH, WARM_UPS, TIMED = 64, 5, 20


def report_of(
    loaded, small, plan: Plan, stages, clock, codes: dict | None, messages: list[str], watch: Watch
) -> dict:
    """codes: of a quantized network's weights, else None."""
    recipe, test = loaded.recipe, loaded.data.test
    baseline, final = stages.found["baseline"], stages.found[stages.last]
    right_before, right_after = baseline.classes == test.labels, final.classes == test.labels
    latency, slower = _latencies(loaded, small, plan, watch)
    return {
        "metric": "accuracy",
        "accuracy": {s: stages.found[s].correct / len(test) if s in stages.found else None for s in STAGES},
        "correct": {s: stages.found[s].correct if s in stages.found else None for s in STAGES},
        "test_images": len(test),
        "calibration_images": min(recipe.calibration, len(loaded.data.train)),
        "classes": list(loaded.data.classes),
        "per_class": {
            "baseline": _per_class(right_before, test.labels, loaded.data.classes),
            "final": _per_class(right_after, test.labels, loaded.data.classes),
        },
        "flips": {
            "broken": int((right_before & ~right_after).sum()),
            "mended": int((~right_before & right_after).sum()),
        },
        "agreement": float((baseline.classes == final.classes).mean()),
        "macs": {"baseline": plan.macs_before, "final": plan.macs},
        "parameters": {"baseline": plan.parameters_before, "final": plan.parameters},
        "bytes": {"baseline": stored_bytes(loaded.model), "final": stored_bytes(small, codes)},
        "latency_ms": latency,
        "widths": {group.name: [group.size, plan.widths[group.name]] for group in loaded.graph.groups},
        "seconds": clock.seconds,
        "gates": None,
        "expected": plan.expected,
        "messages": [*messages, *slower],
        "recipe": recipe.to_dict(),
        "versions": {name: version(name) for name in ("torch", "torchvision", "numpy")},
    }


def _latencies(loaded, small, plan: Plan, watch: Watch) -> tuple[dict, list[str]]:
    """Of the whole and of the cut network, and a message where the cut one is no faster."""
    watch("evaluate", 0, 2, message="latency")
    found = {"baseline": measured_latency(loaded.model, loaded), "final": measured_latency(small, loaded)}
    watch("evaluate", 2, 2, message="latency")
    slower = found["final"] >= found["baseline"] and plan.macs < plan.macs_before
    told = "fewer multiply-accumulates did not make it faster on this machine at this batch size."
    how = {"batch": LATENCY_BATCH, "threads": threads_used(), "device": loaded.recipe.device}
    return found | how, [told] if slower else []


def stored_bytes(model, codes: dict | None = None) -> int:
    """What the network's tensors take when stored; packed, where they were quantized."""
    packed = sum(code.bytes for code in (codes or {}).values())
    return packed + sum(
        tensor.numel() * tensor.element_size()
        for name, tensor in model.state_dict().items()
        if name not in (codes or {})
    )


def _per_class(right: np.ndarray, labels: np.ndarray, classes) -> dict[str, float | None]:
    """Share right of each class's test images; None for a class without any."""
    return {
        str(name): float(right[labels == k].mean()) if (labels == k).any() else None
        for k, name in enumerate(classes)
    }


def threads_used() -> int:
    import torch

    return torch.get_num_threads()


def measured_latency(model, loaded: Loaded) -> float:
    """Median milliseconds of a batch of 64 test images, of 20 runs after 5 warm-ups."""
    import torch

    from pruning.data import to_tensor

    images = np.resize(loaded.data.test.images, (LATENCY_BATCH, *loaded.data.test.images.shape[1:]))
    inputs = to_tensor(images, loaded.model.origin.normalization, loaded.recipe.device)
    times = []
    with torch.no_grad():
        for _ in range(WARM_UPS + TIMED):
            start = time.perf_counter()
            model(inputs)
            if inputs.is_cuda:
                torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
    return round(1000 * float(np.median(times[WARM_UPS:])), 3)
