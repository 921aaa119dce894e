"""Whole residual branches as candidates beside channels: what may close, what it costs, what is left."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import pruning
from pruning.allocation import made
from pruning.allocation.limits import Cost, Limits, cost_of, limits_of, with_blocks
from pruning.channels.liveness import Liveness
from pruning.channels.residual_branches import ResidualBranches
from pruning.experiment import Recipe
from pruning.models.build import new_model
from pruning.progress import silent
from pruning.search.budget import Budget
from pruning.search.by_error import by_error, lost_at
from pruning.search.progress import Progress
from tests.zoo import ZOO, seeded


class Residual(nn.Module):
    """Two blocks of two convolutions, of which the second is added; one without a norm."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 8, 3, padding=1), nn.Linear(8, 4)
        self.one = nn.Sequential(nn.Conv2d(8, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, padding=1))
        self.two = nn.Sequential(
            nn.Conv2d(8, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
        )

    def forward(self, images):
        maps = F.relu(self.stem(images))
        maps = F.relu(maps + self.one(maps))
        return self.head(F.relu(maps + self.two(maps)).mean((2, 3)))


def residual() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return seeded(Residual()).eval()


def mobilenet():
    model = seeded(new_model("mobilenet_v2_slim", 10))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)  # else nothing of the image is left at the end
    return model


NETWORKS = {
    "two convolutions each": (residual, 12),
    "resnet20": (lambda: ZOO["resnet20"]()[0], 32),
    "mobilenet": (mobilenet, 32),
    "segmenter": (lambda: seeded(new_model("deeplabv3plus_small", 11)), 48),
    "torchvision": (lambda: seeded(new_model("torchvision:resnet18", 10)), 64),
    "sum of two": (lambda: ZOO["two inputs of an addition with different producers"]()[0], 16),
}


def planned(graph, closed: int, share: float = 0.4):
    """Every other block closed, as many as `closed`, and of the other groups a share cut."""
    structure, random = graph.structure, np.random.default_rng(0)
    limits = with_blocks(graph, limits_of(structure, "inner", (), {}, 0.9, 1, 1), True)
    gone = frozenset().union(*limits.blocks.sets[::2][:closed])
    assert gone and limits.blocks.closing(gone) == gone
    kept = {g: np.arange(0) for g in gone}
    for g in set(limits.open) - gone:
        size = structure.groups[g].size
        kept[g] = np.sort(random.permutation(size)[: size - int(share * size)])
    return made(structure, kept, "macs", 0.5, cost_of(structure, "macs", limits), limits)


@pytest.mark.parametrize("name", NETWORKS)
@torch.no_grad()
def test_masked_is_cut_with_closed_blocks(name):
    make, side = NETWORKS[name]
    model, images = make().eval(), torch.randn(3, 3, side, side)
    graph = pruning.ChannelGraph(model, images[:1], verify=False)
    plan = planned(graph, 3)
    small = pruning.cut(model, plan)
    again = pruning.cut(model, pruning.Plan.from_json(plan.to_json()))
    with pruning.masked(model, plan):
        expected = model(images)
    assert torch.allclose(small(images), expected, atol=1e-4) and torch.equal(small(images), again(images))
    assert expected.std(0).max() > 1e-4  # it still answers by the image
    closed = [change["group"] for change in plan.changes]
    assert closed and all(not plan.widths[group] for group in closed)
    assert {change["kind"] for change in plan.changes} == {"closed"}
    counted = pruning.ChannelGraph(model, images[:1], verify=False).macs
    assert plan.macs_before == counted > plan.macs
    assert plan.messages[-1].startswith("Whole blocks: ")


def test_the_error_of_a_closed_block_is_the_share_of_the_sum_that_its_branch_varies_by():
    model = residual()
    images = torch.randn(400, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    graph = pruning.ChannelGraph(model, images[:1])
    from pruning.search import errors_of

    found = errors_of(graph, pruning.score(graph, "l1"), (images, torch.zeros(400, dtype=torch.long)), [1, 2])
    for g, branch in ((1, "one"), (2, "two")):
        seen = {}
        hook = getattr(model, branch).register_forward_hook(
            lambda module, inputs, output, seen=seen: seen.update(branch=output, sum=inputs[0] + output)
        )
        with torch.no_grad():
            model(images)
        hook.remove()
        one, all_of_it = (seen[name].transpose(0, 1).flatten(1).var(1).sum() for name in ("branch", "sum"))
        assert found[g][-1] == pytest.approx(float(one / all_of_it), rel=0.1)


def test_a_closed_block_takes_no_time():
    graph = pruning.ChannelGraph(residual(), torch.randn(1, 3, 8, 8))
    table, names = pruning.latency_table(graph, batch=1), graph.structure.names
    form, sizes = table.form(graph.structure), np.array([group.size for group in graph.groups])
    closed = np.where(np.array(names) == "one.0", 0, sizes)
    took = form.layers(closed)
    assert took["one.0.weight"] == took["one.2.weight"] == 0 < form.layers(sizes)["one.0.weight"]
    assert form(closed) < form(sizes)


def branches_of(sets, size: int) -> ResidualBranches:
    """Blocks that close each by itself."""

    class Free(Liveness):
        def closing(self, groups):
            return frozenset(groups)

    names = {frozenset(block): f"block{n}" for n, block in enumerate(sets)}
    return ResidualBranches(tuple(names), Free(frozenset(range(size))), names)


@pytest.mark.parametrize("seed", range(20))
def test_with_blocks_no_more_is_lost_than_by_channels_alone(seed):
    random = np.random.default_rng(seed)
    sizes = random.integers(4, 12, 5)
    prices = random.uniform(0.5, 2, 5)
    caps = np.floor(0.9 * sizes).astype(int)
    levels = {g: np.arange(most + 1) for g, most in enumerate(caps)}
    blocks = branches_of([{0}, {1, 2}, {3}], 5)
    limits = Limits(sizes, np.zeros_like(sizes), caps, caps, list(levels), levels, 1, blocks)
    cost = Cost(lambda lost: float(((sizes - lost) * prices).sum()), float((sizes * prices).sum()))
    errors = {g: np.append(0, np.cumsum(random.exponential(size=n) ** 2)) for g, n in enumerate(sizes)}
    names = tuple("abcde")
    found = {}
    for name, some in (("blocks", limits), ("channels", Limits(*list(vars(limits).values())[:-1]))):
        counts, path = by_error(Budget(some, cost, 0.5), errors, names, progress=Progress(silent))
        found[name] = lost_at(errors, counts)
        assert abs(cost.of(counts) - cost.target(0.5)) <= 0.06 * cost.whole + prices.max() / 2
        assert path[-1].price == pytest.approx(found[name])
    assert found["blocks"] <= found["channels"]
    counts, _ = by_error(Budget(limits, cost, 0.97), errors, names, progress=Progress(silent))
    assert (counts == sizes).any()  # beyond what channels alone can reach


@pytest.mark.parametrize("by", ["kl", "di"])
def test_greedy_closes_a_block_that_does_next_to_nothing(by):
    torch.manual_seed(0)
    model = residual()
    with torch.no_grad():
        model.one[2].weight.mul_(1e-4)
    graph = pruning.ChannelGraph(model, torch.randn(1, 3, 8, 8))
    images = (np.random.default_rng(0).random((80, 3, 8, 8), np.float32), np.arange(80) % 4)
    plan = pruning.search_plan(
        graph, "l1", tuple(map(torch.from_numpy, images)), cut=0.46, by=by, images=40, blocks=True
    )
    if by == "kl":
        assert plan.widths["one.0"] == 0 and "Whole blocks: one closed." in plan.messages


def test_whole_blocks_are_refused_where_nothing_weighs_them():
    for given in ({"criterion": "l1"}, {"criterion": "l1", "allocation": "trace-ratio"}):
        with pytest.raises(ValueError, match="error, global, greedy.*give allocation=error"):
            Recipe(blocks=True, **given)
    with pytest.raises(ValueError, match="search_every=0"):
        Recipe(criterion="l1", allocation="greedy", blocks=True, search_every=3)
    with pytest.raises(ValueError, match="true or false"):
        Recipe(blocks=2)
    recipe = Recipe(blocks=True)
    assert recipe.allocation == "error" and recipe.to_query() == {"blocks": "True"}
    assert Recipe.from_query(recipe.to_query()) == recipe and "--blocks" in recipe.flags()
    assert not recipe.but(allocation="uniform").blocks and recipe.digest() != Recipe().digest()


def test_the_switch_and_the_option_of_gates_are_one():
    by_field, by_option = (
        Recipe(criterion="gdp", blocks=True),
        Recipe(criterion="gdp", options={"blocks": True}),
    )
    assert by_field == by_option and by_field.digest() == by_option.digest() and not by_field.blocks
    for recipe in (by_field, Recipe(criterion="gdp")):
        assert Recipe.from_query(recipe.to_query()) == recipe
    assert Recipe(criterion="l1", allocation="global", blocks=True).but(criterion="gdp") == by_field
    assert dict(by_field.but(cut=0.3).options)["blocks"]


def test_a_run_closes_blocks_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNING_TIMING_SECONDS", "0")
    given = {"criterion": "l1", "allocation": "global", "repair": "reconstruct", "calibration": 64}
    result = pruning.run(Recipe(data="digits", blocks=True, cut=0.93, threads=1, **given))
    result.save(tmp_path / "run")
    report = pruning.load_report(tmp_path / "run")
    assert any(message.startswith("Whole blocks: layer") for message in report["messages"])
    assert 0 in [after for _, after in report["widths"].values()]
    assert not any("not corrected" in message for message in report["messages"])
    assert report["values"]["repaired"] > report["values"]["cut"]
    small, images = pruning.load(tmp_path / "run").eval(), torch.randn(2, 3, 32, 32)
    assert any(not parameter.numel() for parameter in small.parameters())
    with torch.no_grad():
        assert torch.equal(small(images), result.model.eval()(images))
