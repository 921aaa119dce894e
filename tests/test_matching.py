"""What block matching is made of: orthogonal steps, folded norms, a pass that is run again."""

import copy

import pytest
import torch
from torch import nn

from pruning.reconstruction.block_outputs import BlockOutputs
from pruning.reconstruction.blocks import Block
from pruning.reconstruction.forward_pass import record_forward_pass
from pruning.reconstruction.moved_batches import mixed, moved
from pruning.reconstruction.muon import COEFFICIENTS, ITERATIONS, Muon, is_matrix, orthogonalized


def filled(shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def test_newton_schulz_brings_singular_values_near_1_by_its_polynomial_alone():
    matrices = filled((3, 6, 20))
    matrices[2, 4:] = 0  # of lower rank: what is 0 stays
    found = orthogonalized(matrices)
    a, b, c = COEFFICIENTS
    for matrix, made in zip(matrices, found, strict=True):
        left, s, right = torch.linalg.svd(matrix, full_matrices=False)
        s = s / s.norm()
        for _ in range(ITERATIONS):
            s = a * s + b * s**3 + c * s**5
        assert torch.allclose(made, left @ torch.diag(s) @ right, atol=1e-9)
    sizes = torch.linalg.svdvals(found)
    assert sizes[:2].min() > 0.6 and sizes.max() < 1.3 and sizes[2, 4:].max() < 1e-9


def test_weights_of_many_shapes_move_as_each_would_alone():
    shapes = [(6, 3, 3, 3), (8, 5, 3, 3), (40, 7), (5, 7), (3, 50)]
    together = [nn.Parameter(filled(shape, k)) for k, shape in enumerate(shapes)]
    alone, start = copy.deepcopy(together), copy.deepcopy(together)
    rates = [0.1 * (k + 1) for k in range(len(shapes))]
    optimizers = [Muon(together), *(Muon([weight]) for weight in alone)]
    for step in range(3):
        for k, (one, other) in enumerate(zip(together, alone, strict=True)):
            one.grad = filled(one.shape, 10 * step + k)
            other.grad = one.grad.clone()
        optimizers[0].step(rates)
        for optimizer, rate in zip(optimizers[1:], rates, strict=True):
            optimizer.step([rate])
        for one, other, rate, before in zip(together, alone, rates, start, strict=True):
            assert torch.allclose(one, other, atol=1e-9)
            if step == 0:  # how far a step goes is the rate, whatever the gradient's size
                assert float((one - before).detach().square().mean().sqrt()) == pytest.approx(rate)


def test_depthwise_kernels_rows_and_norms_are_no_matrices():
    assert is_matrix(torch.zeros(4, 2, 3, 3)) and is_matrix(torch.zeros(3, 5))
    assert not any(is_matrix(torch.zeros(shape)) for shape in ((7,), (1, 9), (9, 1), (8, 1, 3, 3)))


class Normed(nn.Module):
    """Norms that can be folded, one whose layer is read twice, one after an activation; writes in place."""

    def __init__(self, course=False):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(4, 4, 3, padding=1, bias=k == 1) for k in range(4))
        self.norms = nn.ModuleList(nn.BatchNorm2d(4) for _ in range(4))
        self.course = course
        for k, norm in enumerate(self.norms):
            norm.running_mean.copy_(filled(4, k))
            norm.running_var.copy_(filled(4, k).abs() + 0.5)
            nn.init.uniform_(norm.weight, 0.5, 1.5)

    def forward(self, x):
        x = self.norms[0](self.layers[0](x)).relu_()
        y = self.layers[1](x)
        x = self.norms[1](y) + y.mean()
        if self.course and x.mean() > 0:
            x = x + 1
        x = self.norms[2](torch.relu(self.layers[2](x)))
        x = x.clone()
        x[:, :2] = x[:, :2] * 2
        return torch.cat([self.norms[3](self.layers[3](x)), x], 1).relu()


def test_a_replayed_pass_gives_and_trains_what_the_network_would():
    torch.manual_seed(0)
    model = Normed().eval()
    images, shown = filled((3, 4, 5, 5), 1, torch.float32), []
    last = len(record_forward_pass(model, images).operations) - 1
    outputs = BlockOutputs(model, [Block(2, None), Block(last, None)], images[:2], trained=True)
    assert not outputs.message and len(outputs.folding.every()) == 2  # the others' norms stand elsewhere
    outputs(images, lambda place, tensor: shown.append((place, tensor)))
    assert [place for place, _ in shown] == [0, 1]
    assert torch.allclose(shown[1][1], model(images), atol=1e-5)
    (shown[0][1].square().sum() + shown[1][1].square().sum()).backward()
    weights = outputs.weights()
    assert len(weights) == 11 and all(weight.grad is not None for weight in weights)
    with torch.no_grad():
        for weight in weights:
            weight += 0.1 * torch.randn_like(weight)
    outputs.put_back()
    shown.clear()
    outputs(images, lambda place, tensor: shown.append(tensor))
    assert torch.allclose(shown[1], model(images), atol=1e-4)


def test_a_network_whose_course_hangs_on_values_is_watched_instead_and_says_so():
    model, shown = Normed(course=True).eval(), []
    images = filled((2, 4, 5, 5), 1, torch.float32)
    outputs = BlockOutputs(model, [Block(2, None)], images, trained=True)
    assert "__bool__" in outputs.message and not outputs.folding.every()
    outputs(images, lambda place, tensor: shown.append(tensor))
    expected = model.norms[0](model.layers[0](images)).relu()
    assert torch.equal(shown[0], expected) and len(outputs.weights()) == len(list(model.parameters()))


def test_moved_images_keep_their_edge_and_are_mirrored():
    images = torch.arange(24.0).reshape(2, 1, 3, 4)
    down, right = torch.tensor([1, 0]), torch.tensor([0, -1])
    found = moved(images, down, right, torch.tensor([False, True]))
    assert found[0, 0].tolist() == [images[0, 0][k].tolist() for k in (1, 2, 2)]
    row = images[1, 0, 0].tolist()
    assert found[1, 0, 0].tolist() == [row[k] for k in (2, 1, 0, 0)]


def test_mixed_images_hold_so_much_of_the_one_before():
    images = filled((3, 1, 2, 2))
    found = mixed(images, torch.tensor([0.0, 0.25, 0.5], dtype=torch.float64))
    assert torch.equal(found[0], images[0])
    assert torch.allclose(found[1], 0.75 * images[1] + 0.25 * images[0])
    assert torch.allclose(found[2], (images[2] + images[1]) / 2)
