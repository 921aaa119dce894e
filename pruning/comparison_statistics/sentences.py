"""What a family of comparisons says, in plain words."""

from math import ceil, floor, isnan, log10
from typing import Any

from pruning.comparison_statistics.compared_results import A_LEADS, B_LEADS, NOT_SHOWN, ComparedResults

NAMED = 4  # results named in one sentence; of more it says how many


def comparison_in_words(row: dict[str, Any], family: ComparedResults) -> str:
    """A leads B by 1.4 points (95 %: 0.3 to 2.5). Or: no difference these images can show, and what would."""
    if row["verdict"] == NOT_SHOWN:
        return _not_shown(row, family)
    ahead, behind = (row["a"], row["b"]) if row["verdict"] == A_LEADS else (row["b"], row["a"])
    return f"{ahead} leads {behind} by {_lead(row, family)}."


def _lead(row: dict[str, Any], family: ComparedResults) -> str:
    """1.4 points (95 %: 0.3 to 2.5): the size of a lead, whichever direction is better."""
    ends = sorted(abs(row[name]) for name in ("low_all", "high_all"))
    size, low, high = family.metric.numbers(abs(row["difference"]), *ends)
    interval = f"{low} to {high}" if float(low) > 0 else f"above 0, up to {high}"
    return f"{_counted(size, family)} (95 %: {interval})"


def _counted(number: str, family: ComparedResults) -> str:
    return f"{number} {family.metric.step}".rstrip()


def _not_shown(row: dict[str, Any], family: ComparedResults) -> str:
    a, b = row["a"], row["b"]
    if row["difference"] == row["low"] == row["high"] == 0:
        return f"{a} and {b} do equally well on every image."
    size, low, high = family.metric.numbers(row["difference"], row["low_all"], row["high_all"])
    told = f"{_counted(size, family)}; 95 %: {low} to {high}"
    return f"{a} against {b}: no difference these images can show ({told}).{_what_would(row, family)}"


def _what_would(row: dict[str, Any], family: ComparedResults) -> str:
    """How many images, or seeds, would show a true difference as large as the one seen."""
    if row["difference"] == 0:
        return ""
    seeds, enough = row["seeds"], []
    if not isnan(row["items_needed"]):
        beside = f" with these {seeds} seeds" if seeds > 1 else ""
        enough.append(f"about {_rounded(row['items_needed'])} images{beside}")
    if not isnan(row["seeds_needed"]):
        enough.append(f"{row['seeds_needed']:.0f} seeds on these images")
    if not enough and not isnan(row["times_needed"]):
        times = row["times_needed"]
        enough = [f"{ceil(times * seeds)} seeds with about {_rounded(times * family.items)} images"]
    if enough:
        return f" If it is as large as it looks, {' or '.join(enough)} would show it."
    return " It is too small for any number of images and seeds that could be had."


def _rounded(count: float) -> str:
    """Two digits, rounded up: 4,300."""
    step = 10 ** max(floor(log10(count)) - 1, 0)
    return f"{-(-count // step) * step:,.0f}"


def leader_in_words(family: ComparedResults) -> str:
    """The best result, whom it leads by how much, and from whom no difference is shown."""
    best = _best(family)
    rows = [row for row in family.rows.to_dict("records") if best in (row["a"], row["b"])]
    if family.against is not None and best != family.against:
        return _of_baseline(family, best, rows[0])
    value = family.metric.in_words(family.values[best])
    led = sorted((row for row in rows if _ahead(row) == best), key=lambda row: abs(row["difference"]))
    level = [_other(row, best) for row in rows if _ahead(row) is None]
    if not led:
        return f"Nobody leads: {best} has the best {family.metric.name}, {value}, but {_level(level)}."
    nearest = _other(led[0], best)
    told = f"{best} leads {nearest} by {_lead(led[0], family)}"
    if len(led) > 1:
        told += f", and {_some([_other(row, best) for row in led[1:]])} by more"
    return f"{told}." if not level else f"{told}; {_level(level)}."


def _best(family: ComparedResults) -> str:
    """The best value of those whom nobody is shown to lead: with seeds that not all have, a mean over more of
    them may be better than one that leads on those that both have."""
    rows = family.rows.to_dict("records")
    behind = {_other(row, _ahead(row)) for row in rows if _ahead(row) is not None}
    names = [label for label in family.values if label not in behind] or list(family.values)
    pick = max if family.metric.direction == "higher" else min
    return pick(names, key=family.values.__getitem__)


def _of_baseline(family: ComparedResults, best: str, row: dict[str, Any]) -> str:
    """Where only comparisons with a baseline are made, nothing is said of the others among each other."""
    rows = family.rows.to_dict("records")
    ahead = [row["a"] for row in rows if row["verdict"] == A_LEADS]
    behind = [row["a"] for row in rows if row["verdict"] == B_LEADS]
    told = f"{best} has the best {family.metric.name}, {family.metric.in_words(family.values[best])}"
    parts = [f"ahead of {family.against}: {_some(ahead) if ahead else 'nobody'}"]
    parts += [f"behind it: {_some(behind)}"] if behind else []
    return f"{told}. {comparison_in_words(row, family)} Shown to be {'; '.join(parts)}."


def _ahead(row: dict[str, Any]) -> str | None:
    return {A_LEADS: row["a"], B_LEADS: row["b"]}.get(row["verdict"])


def _other(row: dict[str, Any], label: str) -> str:
    return row["b"] if row["a"] == label else row["a"]


def _level(names: list[str]) -> str:
    return f"these images can show no difference from {_some(names)}"


def _some(names: list[str]) -> str:
    """A, B and C; or how many more there are."""
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} others"]
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def notes(family: ComparedResults) -> list[str]:
    """What is said once: what intervals hold for, and that few seeds say little."""
    few, seeds = int(family.rows["seeds"].min()), int(family.rows["seeds"].max())
    count = len(family.rows)
    told = []
    if count > 1:
        told.append(
            f"Intervals hold for all {count} comparisons at once in 95 % of such families, and leads are "
            "named by Holm's procedure: in at most 5 % of such families one is wrong."
        )
    if seeds == 1:
        told.append("One seed: what is said holds for new images, not for new seeds.")
    elif few == 1:
        told.append(
            "What is said of two results with one seed in common holds for new images, of others also for "
            f"new seeds; up to {seeds} were run."
        )
    else:
        counted = str(seeds) if few == seeds else f"{few} to {seeds}"
        told.append(f"What is said holds for new images and new seeds; {counted} seeds were run.")
    if seeds > 1 and (few <= 2 or (few == 3 and len(family.values) == 2)):
        told.append("That is too few seeds to say much: only large differences can be shown.")
    return told
