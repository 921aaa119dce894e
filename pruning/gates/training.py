"""Training a network together with its gates, until each is shut or wide open and the target is reached."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.stats import rankdata

from pruning.criteria.gdp import Polarization
from pruning.criteria.scoring import score
from pruning.data import Dataset
from pruning.devices import seeded
from pruning.gates.gate_optimizer import GateOptimizer
from pruning.gates.gate_trace import COLUMNS, GateTrace, opened
from pruning.gates.gates import Gates
from pruning.gates.placement import Placement, place
from pruning.gates.training_loop import Training
from pruning.models import Normalization
from pruning.models.fill_weights import restore
from pruning.models.module_modes import mode_kept
from pruning.progress import Watch, silent
from pruning.train.fit import check
from pruning.train.schedule import batches_of
from pruning.train.training_loop import copied
from pruning.train.training_state import Saved

STAGE = "gates"  # under which the state is kept
LEAD = 1.05  # of a gate that a criterion has first in its group, where gates start from one


@dataclass(eq=False)
class Gated:
    """A network trained with gates, which are still in.

    kept: {group number: channels whose gate is open}.   scores: {group: [C]}: an open gate's value; of a shut
    one how late it was shut, from -1 (at the first step) to 0 (at the last).   history: a row an epoch.
    closed: groups of blocks that closed whole.   between: share of gates with 0.05 < g / g_max < 0.5.
    stopped: whether it ended before its steps were done.
    """

    gates: Gates
    kept: dict[int, np.ndarray]
    scores: dict[str, np.ndarray]
    trace: GateTrace
    history: list[dict]
    closed: tuple[str, ...]
    between: float
    messages: tuple[str, ...]
    stopped: bool


def train_gates(
    model: torch.nn.Module,
    graph,
    dataset: Dataset,
    *,
    cut: float,
    measure: str = "macs",
    groups: str = "inner",
    protect: Iterable[str] = (),
    max_cut_per_group: float = 0.9,
    min_channels: int = 1,
    epochs: int,
    lr: float,
    batch_size: int = 64,
    seed: int = 0,
    normalization: Normalization,
    device: str = "cpu",
    watch: Watch = silent,
    saved: Saved | None = None,
    **options,
) -> Gated:
    """Trains `model` (graph.model) in place together with its gates.

    cut: share of the measure that goes.   lr: of the weights, falling to 0 along a cosine.   saved: where the
    state is kept after every epoch, and found again.   options: of criterion gdp. Raises ValueError where the
    target is out of reach, and where the loss is no number before an epoch is done; Paused when asked to.
    """
    chosen = Polarization(**options)
    check(epochs, lr, batch_size)
    where: dict[str, Any] = {"groups": groups, "protect": protect, "measure": measure}
    placement = place(graph, **where, max_cut_per_group=max_cut_per_group, min_channels=min_channels)
    placement.must_reach(cut)
    given = (dataset, epochs, lr, batch_size, seed, normalization, device, watch, saved)
    return _result(_in_place(model, graph, placement, chosen, cut, given))


def _in_place(model, graph, placement: Placement, chosen: Polarization, cut: float, given: tuple) -> Training:
    """Trains; an exception leaves the network as it came, and no gradients are left. A random control first
    finds the widths."""
    came, seed, device = copied(model), given[4], given[6]
    with mode_kept(model), seeded(seed, device):
        try:
            run = _trained(graph, placement, chosen, cut, given)
            if chosen.control == "random":
                doomed = _drawn(run, seed)
                restore(model, came)
                run = _trained(graph, placement, chosen, cut, given, doomed)
            return run
        except BaseException:
            restore(model, came)
            raise
        finally:
            model.zero_grad()


def _trained(
    graph,
    placement: Placement,
    chosen: Polarization,
    cut: float,
    given: tuple,
    doomed: np.ndarray | None = None,
) -> Training:
    """One training to its end. doomed: as GateOptimizer has it."""
    dataset, epochs, _, batch_size, *_ = given
    whole = copy.deepcopy(graph.model).eval().requires_grad_(False) if dataset.task.taught else None
    start = None if chosen.start == "none" else _start(graph, placement, chosen.start, dataset, given[4])
    gates = Gates(graph, blocks=chosen.blocks, eps=chosen.eps_start, placement=placement, start=start)
    batches = batches_of(len(dataset.train), batch_size)
    moves = (cut, epochs * batches, chosen.eps_end, chosen.gate_rate, chosen.pull)
    gate_optimizer = GateOptimizer(gates, *moves)
    gate_optimizer.frozen, gate_optimizer.doomed = chosen.control == "frozen", doomed
    stage = STAGE if doomed is None else f"{STAGE} drawn"
    options: dict[str, Any] = {"stage": stage, "whole": whole}
    run = Training(gate_optimizer, batches, *given, **options)
    run.train()
    if gate_optimizer.frozen:
        run.messages.append("control frozen: t never moves, so no gate closes and nothing is cut.")
    return run


def _start(graph, placement: Placement, criterion: str, dataset: Dataset, seed: int) -> np.ndarray:
    """[N]: t / sqrt(eps) of each gate by its rank in its group, which a criterion knows: from 1 / LEAD for
    the least to LEAD for the best."""
    names = placement.structure.names
    scores = score(graph, criterion, dataset, seed=seed, groups=[names[g] for g in placement.groups])
    ranks = [rankdata(scores[names[g]]) / (placement.structure.groups[g].size + 1) for g in placement.groups]
    return LEAD ** (2 * np.concatenate(ranks) - 1)


def _drawn(run: Training, seed: int) -> np.ndarray:
    """[N]: as many gates of each group as that training shut, drawn by the seed; a block's own gate with its
    block."""
    gates, random = run.gate_optimizer.gates, np.random.default_rng(seed)
    doomed = gates.scaled == 0
    for own in gates.placement.starts.values():
        doomed[own] = random.permutation(doomed[own])
    return doomed


def _result(run: Training) -> Gated:
    gate_optimizer, placement = run.gate_optimizer, run.gates.placement
    names = placement.structure.names
    values = opened(run.gates.scaled[gate_optimizer.channels])
    late = gate_optimizer.shut_at[gate_optimizer.channels] / max(1, gate_optimizer.steps) - 1
    told = np.where(values > 0, values, late)
    rows = pd.DataFrame(run.rows, columns=list(COLUMNS)).astype({"step": int, "epoch": int})
    trace = GateTrace(
        tuple(names[g] for g in placement.groups),
        tuple(int(size) for size in placement.sizes),
        gate_optimizer.steps,
        run.batches,
        rows,
        np.stack(run.paths),
    )
    return Gated(
        run.gates,
        run.gates.kept(),
        {names[g]: told[own] for g, own in placement.starts.items()},
        trace,
        run.history,
        tuple(names[g] for g in sorted(gate_optimizer.closed)),
        gate_optimizer.between,
        tuple(run.messages),
        run.stopped,
    )
