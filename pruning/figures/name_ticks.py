"""Names of layers and groups along an axis: long ones lose their middle, and a hover tells them whole."""

from collections.abc import Sequence

from pruning.terms import shortened


def name_ticks(names: Sequence[str], opened: str | None = None) -> dict:
    """What an axis whose categories are these names takes. opened: the name in bold."""
    shown = [f"<b>{shortened(name)}</b>" if name == opened else shortened(name) for name in names]
    return {"tickvals": list(names), "ticktext": shown, "ticksuffix": " "}
