"""An optimizer in the middle of a training follows a cut: every one of torch's, and what others build on
them."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import pruning

ENTRYWISE = {  # a step of an entry depends on that entry alone
    "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 1e-3},
    "AdamW": {"amsgrad": True},
    "RMSprop": {"momentum": 0.9, "centered": True},
    **dict.fromkeys(("Adam", "Adamax", "NAdam", "RAdam", "Rprop", "ASGD", "Adagrad", "Adadelta"), {}),
}
OTHERS = {"Adafactor": {}, "LBFGS": {"max_iter": 3}, "Muon": {}, "SparseAdam": {}}
TORCH = {
    name
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type)
    and issubclass(kind, torch.optim.Optimizer)
    and kind is not torch.optim.Optimizer
}


class Words(nn.Module):
    """Embedded words, averaged and classified: SparseAdam's gradients have entries of a few rows alone."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 6, sparse=True)
        self.inner, self.head = nn.Linear(6, 8), nn.Linear(8, 3)

    def forward(self, words):
        return self.head(F.relu(self.inner(self.embedding(words).mean(1))))


def network():
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(24, 10), nn.ReLU(), nn.Linear(10, 3)),
    )


def planned(model, example):
    graph = pruning.ChannelGraph(model, example)
    return pruning.plan(graph, pruning.score(graph, "l1"), cut=0.4, measure="channels", groups="all")


def step(model, example, optimizer):
    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(example), torch.arange(len(example)))
        loss.backward()
        return loss

    return optimizer.step(closure)


def cut_in_training(make, model=None, example=None, steps=2):
    """Two steps, then the cut: network, smaller network, optimizer, the one that follows, example, plan."""
    torch.manual_seed(0)
    model = model or network()
    example = torch.randn(3, 3, 6, 6) if example is None else example
    optimizer, plan = make(model), planned(model, example)
    for _ in range(steps):
        step(model, example, optimizer)
    small = pruning.cut(model, plan)
    return model, small, optimizer, pruning.cut_optimizer(optimizer, model, small, plan), example, plan


def test_every_optimizer_of_torch_is_tried():
    assert set(ENTRYWISE) | set(OTHERS) == TORCH


@pytest.mark.parametrize("name", ENTRYWISE)
def test_a_step_after_the_cut_is_the_cut_of_a_step(name):
    kind = getattr(torch.optim, name)
    model, small, optimizer, follows, example, plan = cut_in_training(
        lambda model: kind([{"params": [p]} for p in model.parameters()], **ENTRYWISE[name])
    )
    follows.step()  # gradients came along
    optimizer.step()
    wanted = dict(pruning.cut(model, plan).named_parameters())
    assert all(torch.equal(p, wanted[name]) for name, p in small.named_parameters())
    assert type(follows) is kind and len(follows.param_groups) == len(optimizer.param_groups)
    step(small, example, follows)


def test_adafactor_keeps_the_moments_of_what_stays():
    model, small, optimizer, follows, example, plan = cut_in_training(
        lambda model: torch.optim.Adafactor(model.parameters())
    )
    kept = plan.by_tensor["6.weight"]
    whole, own = optimizer.state[model[6].weight], follows.state[small[6].weight]
    assert torch.equal(own["row_var"], whole["row_var"][kept[0]])  # [10, 1]
    assert torch.equal(own["col_var"], whole["col_var"][:, kept[1]])  # [1, 24]
    step(small, example, follows)


def test_lbfgs_goes_on_with_the_history_of_what_stays():
    model, small, optimizer, follows, example, plan = cut_in_training(
        lambda model: torch.optim.LBFGS(model.parameters(), max_iter=3), steps=1
    )
    pieces = [torch.full_like(p, n) for n, p in enumerate(small.parameters())]
    state = follows.state[next(small.parameters())]
    assert len(state["d"]) == sum(piece.numel() for piece in pieces)
    whole = optimizer.state[next(model.parameters())]
    first = plan.by_tensor["0.weight"][0]
    gradient = whole["prev_flat_grad"][: model[0].weight.numel()].view_as(model[0].weight)[first]
    assert torch.equal(state["prev_flat_grad"][: gradient.numel()], gradient.flatten())
    for steps, directions, ratio in zip(state["old_stps"], state["old_dirs"], state["ro"], strict=True):
        assert float(ratio * (steps @ directions)) == pytest.approx(1)
    before = step(small, example, follows)
    assert step(small, example, follows) < before


def test_muon_steps_on_matrices():
    def make(model):
        return torch.optim.Muon([p for p in model.parameters() if p.dim() == 2])

    model, small, optimizer, follows, example, plan = cut_in_training(make)
    kept = plan.by_tensor["6.weight"]
    whole = optimizer.state[model[6].weight]["momentum_buffer"]
    assert torch.equal(follows.state[small[6].weight]["momentum_buffer"], whole[kept[0]][:, kept[1]])
    step(small, example, follows)


def test_sparse_gradients_follow():
    model, small, optimizer, follows, example, plan = cut_in_training(
        lambda model: torch.optim.SparseAdam([model.embedding.weight]),
        Words(),
        torch.tensor([[0, 1], [2, 3], [4, 4]]),
    )
    assert small.embedding.weight.grad.is_sparse and "inner.weight" in plan.by_tensor
    follows.step()
    step(small, example, follows)


class Sharpness(torch.optim.Optimizer):
    """As sharpness-aware minimisation is written: an optimizer inside, whose groups it shares, and fields of
    its own by parameter, in lists, and of the network."""

    def __init__(self, model, rho=0.05):
        super().__init__(model.parameters(), {"rho": rho, "lr": 0.1})
        self.base = torch.optim.SGD(self.param_groups, lr=0.1, momentum=0.9)
        self.param_groups, self.network = self.base.param_groups, model
        own = self.param_groups[0]["params"]
        self.slow = [[p.detach().clone() for p in group["params"]] for group in self.param_groups]
        self.seen = {p: p.detach().clone() for p in own}
        self.rho = rho

    def step(self, closure=None):
        loss = closure()
        assert self.param_groups is self.base.param_groups and self.network is not None
        for group, slow in zip(self.param_groups, self.slow, strict=True):
            for p, old in zip(group["params"], slow, strict=True):
                p.data += self.rho * (p.data - old) + 0 * self.seen[p]
                self.state[p]["old"] = old
        self.base.step()
        return loss


def test_an_optimizer_around_another_keeps_its_own_fields():
    model, small, optimizer, follows, example, plan = cut_in_training(Sharpness)
    assert follows.rho == 0.05 and follows.network is small and type(follows.base) is torch.optim.SGD
    momentum = optimizer.base.state[model[0].weight]["momentum_buffer"][plan.by_tensor["0.weight"][0]]
    assert torch.equal(follows.base.state[small[0].weight]["momentum_buffer"], momentum)
    step(small, example, follows)
    assert optimizer.param_groups[0]["params"][0] is model[0].weight


def test_a_schedule_of_the_old_optimizer_does_not_step_it_again():
    def make(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        torch.optim.lr_scheduler.StepLR(optimizer, 1)
        return optimizer

    model, small, _, follows, example, _ = cut_in_training(make)
    before = copy.deepcopy(model.state_dict())
    weight = small[0].weight.clone()
    step(small, example, follows)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not torch.equal(small[0].weight, weight)


def test_the_given_optimizer_is_left_alone_and_shares_nothing():
    model, small, optimizer, follows, example, _ = cut_in_training(
        lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    )
    before = copy.deepcopy(optimizer.state_dict())
    step(small, example, follows)
    after = optimizer.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for number, state in before["state"].items():
        assert torch.equal(state["momentum_buffer"], after["state"][number]["momentum_buffer"])
    follows.param_groups[0]["lr"] = 7
    assert optimizer.param_groups[0]["lr"] == 0.1


class Preconditioned(torch.optim.SGD):
    """Keeps the products of rows with rows, as Shampoo does."""

    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["products"] = p.detach().flatten(1) @ p.detach().flatten(1).T
        return super().step(closure)


def test_what_cannot_follow_is_refused_in_a_sentence():
    model, example = network(), torch.randn(3, 3, 6, 6)
    plan = planned(model, example)
    small = pruning.cut(model, plan)
    other = torch.optim.SGD(copy.deepcopy(model).parameters(), lr=0.1)
    with pytest.raises(ValueError, match="of another network"):
        pruning.cut_optimizer(other, model, small, plan)
    own = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="not as the plan cuts it"):
        pruning.cut_optimizer(own, model, copy.deepcopy(model), plan)
    with pytest.raises(ValueError, match="give the torch optimizer inside it"):
        pruning.cut_optimizer(model, model, small, plan)
    shampoo = Preconditioned([model[0].weight, model[3].weight], lr=0.1)
    step(model, example, shampoo)
    with pytest.raises(ValueError, match=r"products of 0.weight has shape \(8, 8\)"):
        pruning.cut_optimizer(shampoo, model, small, plan)
