"""What a comparison says as a whole, the same on the page and in a report: its story, who leads in the words
of pages, what changed at once, and how much each choice makes."""

import re
from collections.abc import Sequence
from math import prod

import pandas as pd

from pruning.comparison_statistics import shares_of_variance
from pruning.figures.comparison import NAMES, factor_in_words
from pruning.runs.comparison_points import at_stage, metric_of, varying
from pruning.runs.product import Comparison
from pruning.terms import sentence, title

FEWEST = 4  # points of which shares can be told
UNCLEAR = 0.05  # a share below zero by as much: choices hide each other where combinations are missing


def ordered(factors: Sequence[str]) -> list[str]:
    """The criterion first, what repairs second."""
    first = [name for name in ("criterion", "repair", "allocation") if name in factors]
    return [*first, *(name for name in factors if name not in first)]


def shares_of(rows: pd.DataFrame, factors: Sequence[str]) -> pd.DataFrame:
    """How much of the differences each choice makes, as `shares_of_variance`; without rows where fewer than
    two choices differ, or too many of their combinations are missing. Controls are no choice.

    rows: as `comparison_points.at_stage`."""
    rows = rows[rows["control"] == ""]
    differing = [name for name in factors if name in rows and rows[name].nunique() > 1]
    several = [name for name in differing if name not in ("settings", "measure")][:4]
    if len(several) < 2 or len(rows) < FEWEST or rows["accuracy"].nunique() < 2:
        return pd.DataFrame()
    shares = shares_of_variance(rows, several, "accuracy")
    return shares.iloc[:0] if (shares["share"] < -UNCLEAR).any() else shares


def at_once_in_words(table: pd.DataFrame) -> str:
    """Where choices were not combined with each other, some of them change at once; else empty."""
    rows = table[table["control"] == ""]
    factors = varying(rows)
    wanted = prod(rows[name].nunique() for name in factors)
    if len(factors) < 2 or len(rows[factors].drop_duplicates()) == wanted:
        return ""
    named = [NAMES[name] for name in factors]
    return (
        f"Not every combination of {', '.join(named[:-1])} and {named[-1]} is here. Where two runs differ in "
        "more than one choice at once, their difference can't be attributed to one of them."
    )


def in_page_terms(said: str, asked: Comparison) -> str:
    """A sentence as pages say it: names in place of what recipes call them, "cut 0.5" as 50 % cut."""
    names = {text.partition(":")[0] for text in asked.every_criterion}
    names |= {recipe["criterion"] for recipe in asked.recipes}
    terms = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    head, colon, rest = said.partition(": ")
    if colon and re.match(r"(model|data|measure|cut|allocation|repair|epochs|settings) ", head):
        parts = [part.partition(" ")[::2] for part in head.split(", ")]
        head = ", ".join(
            factor_in_words(name, float(value) if name in ("cut", "epochs") else value)
            for name, value in parts
        )
        head, said = f"{sentence(head)}: ", rest  # which is in words of pages then, titles of repairs too
    else:
        head = ""
    return head + (re.sub(rf"\b({terms})\b(?!=)", lambda found: title(found[0]), said) if terms else said)


def repair_in_words(table: pd.DataFrame) -> str:
    """How far random order is from the best criterion, as cut and repaired; empty where that was not
    compared."""
    rows = at_stage(table[table["control"] == ""])
    if "random" not in set(rows["criterion"]) or rows["repair"].nunique() < 2:
        return ""
    metric, told = metric_of(rows), []
    means = rows.groupby(["repair", "criterion"])["accuracy"].mean().unstack()
    repaired = means.drop(index="none", errors="ignore")
    chance = repaired["random"].dropna()
    if chance.empty or "none" not in means.index or pd.isna(means.loc["none", "random"]):
        return ""
    best = chance.idxmax() if metric.direction == "higher" else chance.idxmin()
    for repair in ("none", best):
        others = means.loc[repair].drop("random").dropna()
        if others.empty:
            return ""
        top = others.idxmax() if metric.direction == "higher" else others.idxmin()
        gap = abs(others[top] - means.loc[repair, "random"])
        told.append((gap, top, others[top], means.loc[repair, "random"]))
    (before, *_), (after, top, value, by_chance) = told
    gap, gap_before = metric.numbers(after, before)
    return sentence(
        f"once repaired, even random order comes within {gap} {metric.step} of the best criterion "
        f"({metric.in_words(by_chance)} against {title(top)}'s {metric.in_words(value)}); as cut, "
        f"{gap_before} {metric.step} lie between them."
    )
