"""Least squares with a ridge, summed and solved in double precision where the device has it, else on the
processor."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pruning.devices import for_double

RIDGE = 1e-2  # relative to the mean diagonal of A'A
RIDGES = (1e-2, 1e-3, 1e-1, 1.0)  # of which the one is taken that is best for images set aside
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


class RunningSums:
    """The same problem, rows some at a time, with the ridge that is best for rows set aside.

    number: of rows that are not; where that is less than there are columns, the rows are kept and the dual
    form is solved. What is summed is about the first rows' means, so that little is lost to rounding."""

    def __init__(self, number: int, *, intercept: bool, ridges: Sequence[float] = RIDGES):
        self.number, self.intercept, self.ridges = number, intercept, ridges
        self.parts: dict[bool, Moments] = {}

    def add(self, rows: Tensor, lacks: Tensor, aside: Tensor):
        """rows: [S, R, columns]; lacks: [S, R, outputs].   aside: bool [R], those of images set aside."""
        rows, lacks = rows.detach(), lacks.detach()
        if not self.parts:
            about = [part.mean(1, keepdim=True) for part in (rows, lacks)]
            about = about if self.intercept else [torch.zeros_like(part) for part in about]
            keep = rows.shape[2] > self.number
            self.parts = {own: Moments(*about, keep=keep) for own in (False, True)}
        for own, part in self.parts.items():
            which = aside if own else ~aside
            if which.any():
                part.add(rows[:, which], lacks[:, which])

    def solved(self) -> tuple[Tensor, Tensor]:
        """dV and db, as of `solved`, from the rows that are not set aside."""
        learned, aside = self.parts[False], self.parts[True]
        self.ridge = self.ridges[0]
        if aside.number and len(self.ridges) > 1:
            errors = [learned.error_of(aside, ridge, self.intercept) for ridge in self.ridges]
            self.ridge = self.ridges[int(np.argmin(errors))]
        return learned.solved(self.ridge, self.intercept)


class Moments:
    """Sums of some rows about a point. keep: the rows themselves instead."""

    def __init__(self, about_a: Tensor, about_d: Tensor, *, keep: bool):
        self.about_a, self.about_d, self.keep = about_a, about_d, keep
        self.kept: list[tuple[Tensor, Tensor]] = []
        self.number = 0
        self.gram: Any = 0.0
        self.cross: Any = 0.0
        self.energy: Any = 0.0  # of what lacks, [S]
        self.sum_a: Any = 0.0
        self.sum_d: Any = 0.0

    def add(self, rows: Tensor, lacks: Tensor):
        self.number += rows.shape[1]
        if self.keep:
            self.kept.append((rows, lacks))
            return
        self.gram = self.gram + product(rows, rows, self.about_a, self.about_a)
        self.cross = self.cross + product(rows, lacks, self.about_a, self.about_d)
        rows, lacks = for_double(rows - self.about_a), for_double(lacks - self.about_d)
        self.energy = self.energy + lacks.double().square().sum((1, 2))
        self.sum_a = self.sum_a + rows.sum(1, keepdim=True, dtype=torch.float64)
        self.sum_d = self.sum_d + lacks.sum(1, keepdim=True, dtype=torch.float64)

    def solved(self, ridge: float, intercept: bool) -> tuple[Tensor, Tensor]:
        if self.keep:
            rows, lacks = (torch.cat(parts, 1) for parts in zip(*self.kept, strict=True))
            return solved(rows, lacks, intercept=intercept, ridge=ridge)
        gram, cross = self.gram, self.cross
        if intercept:  # from about the point to about the means
            gram = gram - self.sum_a.mT @ self.sum_a / self.number
            cross = cross - self.sum_a.mT @ self.sum_d / self.number
        dv = torch.linalg.solve(with_ridge(gram, ridge), cross)
        db = dv.new_zeros(dv.shape[0], dv.shape[2])
        if intercept:
            mean_a = for_double(self.about_a).double() + self.sum_a / self.number
            mean_d = for_double(self.about_d).double() + self.sum_d / self.number
            db = (mean_d - mean_a @ dv)[:, 0]
        return dv.to(self.about_a), db.to(self.about_a)

    def error_of(self, other: "Moments", ridge: float, intercept: bool) -> float:
        """The squared error on the other's rows of what is solved from these."""
        dv, db = self.solved(ridge, intercept)
        if self.keep:
            return sum(
                float((rows @ dv + db.unsqueeze(1) - lacks).square().sum()) for rows, lacks in other.kept
            )
        dv, db = for_double(dv).double(), for_double(db).double().unsqueeze(1)
        # about the point, what is off at the mean: db + about_a dV - about_d
        off = db + for_double(self.about_a).double() @ dv - for_double(self.about_d).double()
        fit = (dv * (other.gram @ dv - 2 * other.cross)).sum() + other.energy.sum()
        return float(
            fit + 2 * (off * (other.sum_a @ dv - other.sum_d)).sum() + other.number * off.square().sum()
        )


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
