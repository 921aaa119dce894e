"""Least squares with a ridge, summed and solved in double precision where the device has it, else on the
processor."""

import torch
from torch import Tensor

from pruning.devices import for_double

RIDGE = 1e-2  # relative to the mean diagonal of A'A
BLOCK = 4096  # rows at a time: products in single precision, sums in double


def solved(rows: Tensor, lacks: Tensor, *, intercept: bool, ridge: float = RIDGE) -> tuple[Tensor, Tensor]:
    """dV [S, columns, outputs] and the bias db [S, outputs] (0 without intercept) with the least
    ||rows dV + db - lacks||^2 + ridge mean-diagonal ||dV||^2. rows: [S, R, columns]; lacks: [S, R, outputs].

    Sums and solves in float64; in the dual form, of R unknowns, where there are more columns than rows."""
    rows, lacks = rows.detach(), lacks.detach()
    mean_a, mean_d = rows.mean(1, keepdim=True), lacks.mean(1, keepdim=True)
    about = (mean_a, mean_d) if intercept else (torch.zeros_like(mean_a), torch.zeros_like(mean_d))
    _, number, columns = rows.shape
    if columns <= number:
        gram, cross = product(rows, rows, about[0], about[0]), product(rows, lacks, *about)
        dv = torch.linalg.solve(with_ridge(gram, ridge), cross)
    else:
        rows_64, lacks = for_double(rows - about[0]).double(), for_double(lacks - about[1])
        gram = rows_64 @ rows_64.mT
        # the same lambda: both Gram matrices have the same trace
        dv = rows_64.mT @ torch.linalg.solve(with_ridge(gram, ridge, columns), lacks.double())
    mean_a, mean_d = for_double(mean_a), for_double(mean_d)
    db = (mean_d.double() - mean_a.double() @ dv)[:, 0] if intercept else torch.zeros_like(mean_d[:, 0])
    return dv.to(rows), db.to(rows)


def product(left: Tensor, right: Tensor, about: Tensor | float = 0.0, other: Tensor | float = 0.0) -> Tensor:
    """(left - about)' (right - other) in float64, [S, n, m], some rows at a time, so that no copy of all is
    made. left, right: [S, R, n or m].   about, other: [S, 1, n or m]."""
    total = for_double(left.new_zeros(left.shape[0], left.shape[2], right.shape[2])).double()
    for first in range(0, left.shape[1], BLOCK):
        part = slice(first, first + BLOCK)
        total += for_double((left[:, part] - about).mT @ (right[:, part] - other))
    return total


def with_ridge(gram: Tensor, ridge: float, columns: int | None = None) -> Tensor:
    """The Gram matrix with lambda on its diagonal: `ridge` times the mean diagonal of that over columns."""
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    weight = ridge * trace / (columns or gram.shape[-1])
    weight = torch.where(weight > 0, weight, 1.0)  # nothing varies: no change is the least
    return gram + weight[:, None, None] * torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
