"""GDP: gates with differentiable polarization. Its scores are gates that were trained with the network.

Guo et al. 2021, arXiv 2109.02220. What the gates do stands in `pruning.gates`; here is what can be chosen
about them."""

from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pruning.criteria.registry import criterion


def _checked(options: dict) -> dict:
    return asdict(Polarization(**options))


@criterion(
    "gdp",
    meaning=(
        "Trains a gate on every channel along with the network until each gate is either closed or wide open."
    ),
    unit="gate (1 open, 0 closed; below 0 if closed in training, higher if later)",
    trained=True,
    resolve=_checked,
)
@dataclass(frozen=True, kw_only=True)
class Polarization:
    """The choices of gates g = t^2 / (t^2 + eps), one number t a channel. Raises ValueError where eps would
    not fall."""

    eps_start: Annotated[
        float, "Start of eps in the gates t^2 / (t^2 + eps): large, so that gates can move both ways."
    ] = 0.1
    eps_end: Annotated[
        float, "End of eps, which falls by the same factor every step: small, so that gates are 0 or 1."
    ] = 1e-4
    gate_rate: Annotated[
        float,
        "Learning rate of the gates: how far the loss moves a typical gate during training, in units of "
        "sqrt(eps), "
        "against the price on the resource, which pushes all gates down.",
    ] = 2.0
    pull: Annotated[
        Literal["worth", "signed"],
        "How the loss pulls at a gate. worth: open, by the mean of squared gate x gradient over parts of a "
        "batch, compared within its group, with norms held at their statistics until every gate is decided. "
        "signed: where the mean gradient points, with norms that follow the batch; it chooses no better "
        "than chance.",
    ] = "worth"
    start: Annotated[
        Literal["none", "l1", "fpgm", "energy"],
        "Where gates start: all at one place, or by their ranks in their group as this criterion has them. "
        "With one of these the choice is in part that criterion's.",
    ] = "none"
    blocks: Annotated[
        bool,
        "Also a gate on every residual branch, so that whole blocks can close: on the norm that ends it, "
        "where one does.",
    ] = False
    control: Annotated[
        Literal["none", "frozen", "random"],
        "Controls. frozen: t never moves, which shows the effect of the falling eps alone. random: as "
        "many channels "
        "of each group are closed, drawn at random.",
    ] = "none"

    def __post_init__(self):
        if not 0 < self.eps_end < self.eps_start:
            raise ValueError(
                f"eps falls from {self.eps_start:g} to {self.eps_end:g}; give eps_end above 0 and below "
                "eps_start, such as 0.0001 and 0.1"
            )
        if self.gate_rate <= 0:
            raise ValueError(f"gate_rate is {self.gate_rate:g}; give a number above 0, such as 2")
