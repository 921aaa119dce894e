"""Any network, cut, measure, allocation and criterion: cut equals masked, costs are right, cuts compose.

GENERATED=N examples are drawn; a few hundred unless said (`make measure` draws 2,000).
"""

import os

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

import pruning
from tests.generated import Generated, programs
from tests.zoo import seeded

many = settings(
    max_examples=int(os.environ.get("GENERATED", 200)),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="GENERATED" not in os.environ,
)


def network(program, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return seeded(Generated(program)).double(), torch.randn(2, 3, 7, 7, dtype=torch.double)


def planned(graph, cut, measure, allocation, criterion, groups):
    """A plan, or None where the network cannot give so much."""
    try:
        scores = pruning.score(graph, criterion, groups=groups)
        return pruning.plan(graph, scores, cut=cut, measure=measure, allocation=allocation, groups=groups)
    except ValueError as error:
        assert "out of reach" in str(error) or "may be cut" in str(error), error
        return None


@many
@given(
    program=programs,
    cut=st.floats(0.05, 0.8),
    again=st.floats(0.05, 0.5),
    measure=st.sampled_from(["channels", "macs", "params"]),
    allocation=st.sampled_from(["uniform", "global"]),
    criterion=st.sampled_from(["l1", "random", "fpgm", "cpot"]),
    groups=st.sampled_from(["inner", "all"]),
)
@torch.no_grad()
def test_any_network_cut_is_the_masked_one(program, cut, again, measure, allocation, criterion, groups):
    torch.set_num_threads(1)
    model, example = network(program)
    graph = pruning.ChannelGraph(model, example)
    assert graph.verified
    plan = planned(graph, cut, measure, allocation, criterion, groups)
    assume(plan is not None)
    with pruning.masked(model, plan):
        masked = model(example)
    small = pruning.cut(model, plan)
    with FlopCounterMode(display=False) as counter:
        outputs = small(example)
    assert (masked - outputs).abs().max() <= 1e-10 * masked.abs().max().clamp_min(1e-12)
    assert plan.macs * len(example) * 2 == counter.get_total_flops()
    assert plan.parameters == sum(p.numel() for p in small.parameters())
    second = planned(pruning.ChannelGraph(small, example), again, "channels", "uniform", "l1", groups)
    # one channel a group left makes a grouped convolution depth-wise: then the groups are others
    if second is not None and plan.widths == {group.name: group.size for group in second.structure.groups}:
        assert torch.equal(
            pruning.cut(model, plan.then(second))(example), pruning.cut(small, second)(example)
        )


@pytest.mark.parametrize(
    "kind",
    [
        "depthwise",
        "grouped",
        "chunk",
        "cat",
        "add",
        "gate",
        "scale",
        "stack",
        "attend",
        "shift",
        "view",
        "blur",
    ],
)
def test_a_generated_network_can_be_cut_through_every_kind(kind):
    model, example = network([("conv", 0, 3), (kind, 1, 3), ("conv", 2, 2)])
    graph = pruning.ChannelGraph(model, example)
    assert kind in [step for step, _ in model.steps] and len(graph.groups) >= 2
