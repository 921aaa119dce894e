"""report.json: what a run found, in numbers."""

from importlib.metadata import version

import numpy as np

from pruning.cost import Plan
from pruning.experiment.latency_report import latencies
from pruning.progress import Watch

STAGES = ("baseline", "cut", "repaired", "tuned", "quantized")


def report_of(
    loaded, small, plan: Plan, stages, clock, codes: dict | None, messages: list[str], watch: Watch
) -> dict:
    """codes: of a quantized network's weights, else None."""
    recipe, test = loaded.recipe, loaded.data.test
    baseline, final = stages.found["baseline"], stages.found[stages.last]
    right_before, right_after = baseline.classes == test.labels, final.classes == test.labels
    latency, slower = latencies(loaded, small, plan, watch)
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
        "expected": expected_here(plan, baseline.correct / len(test)),
        "messages": [*dict.fromkeys(messages), *slower],
        "recipe": recipe.to_dict(),
        "versions": {name: version(name) for name in ("torch", "torchvision", "numpy")},
    }


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


def expected_here(plan: Plan, baseline: float) -> dict[str, float] | None:
    """The accuracy to expect after the repair, {accuracy, low, high}, on images of which the whole network
    has `baseline` right (a fraction); None where nothing was predicted."""
    if plan.expected is None:
        return None
    other = baseline - plan.expected["baseline"]
    return {n: min(1.0, max(0.0, plan.expected[n] + other)) for n in ("accuracy", "low", "high")}
