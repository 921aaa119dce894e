"""What is counted for the Prune page, and in which order: the slider's own cut, then the curve, coarse first.

Every count is a preview of its own, kept by its digest. Two are on their way at a time, so that the worker is
never idle, and little is left to do when nobody looks any more."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import streamlit as st

from pruning.experiment import Recipe
from pruning.inspection import AccuracyNow
from pruning.inspection.preview import RAW, best_repair, has_learned
from pruning.inspection.tradeoff import COARSE, MIDDLES, curve, order, quick
from pruning.jobs import Job
from pruning.shipped.keys import as_searched
from pruning.ui import current_plan, preview_cache

AHEAD = 2  # counts asked for at a time


@dataclass(eq=False)
class Counted:
    """What is known so far.

    exact: of the slider's own cut, the latest.   first: of the first images alone, while its first count is
    on its way.   points: {cut: of the curve's repair}.   pending: the first
    count that is on its way.   failed: {cut: why it could not be counted}."""

    recipe: Recipe
    exact: AccuracyNow | None = None
    first: AccuracyNow | None = None
    points: dict[float, AccuracyNow] = field(default_factory=dict)
    pending: preview_cache.Answer | None = None
    failed: dict[float, preview_cache.Answer] = field(default_factory=dict)

    @property
    def settled(self) -> bool:
        """Whether nothing more will be known of the slider's own cut."""
        now = self.exact
        done = now is not None and now.repaired is not None and now.how == best_repair(self.recipe)
        return done or self.recipe.cut in self.failed

    @property
    def wanted(self) -> list[float]:
        """The curve's cuts, as far as they are within reach."""
        least = min(self.failed, default=1.0)
        return [cut for cut in (*COARSE, *MIDDLES) if cut < least]

    @property
    def repaired(self) -> int:
        """How many of the wanted cuts are repaired by now."""
        return sum(cut in self.points and self.points[cut].repaired is not None for cut in self.wanted)

    def curve(self) -> pd.DataFrame:
        return curve(self.points)

    def take(self, cut: float, how: str, answer: preview_cache.Answer):
        """Files one answer."""
        if answer.error:
            self.failed[cut] = answer
        elif answer.value is None:
            self.pending = self.pending or answer
            if cut == self.recipe.cut and self.exact is None and answer.job is not None:
                self.first = first_images(answer.job, self.recipe)
        else:
            if cut == self.recipe.cut:
                self.exact = answer.value
            if how == quick(self.recipe):
                self.points[cut] = answer.value


def first_images(job: Job, recipe: Recipe) -> AccuracyNow | None:
    """What a count of the network as it was cut has come to on its first images."""
    for event in reversed(list(job.events)):
        if event.values.get("message") == RAW and 0 < event.done < event.total:
            if "baseline" not in event.values:  # of a metric that is no count
                return None
            raw, whole = (event.values[name] / event.done for name in ("right", "baseline"))
            task, where = preview_cache.task_of(recipe).name, f"of {event.total:,} hold-out"
            return AccuracyNow(task, event.done, where, has_learned(recipe), whole, raw, None, "", 0.0)
    return None


def about(recipe: Recipe) -> str:
    """What counts have in common that may be on their way side by side: all but the cut."""
    same = as_searched(recipe).but(cut=0.5)
    return f"counts {preview_cache.digest(same, (*preview_cache.SCORING, *preview_cache.CUTTING))}"


def look(recipe: Recipe, ask: bool = True) -> Counted:
    """What is known; asks for what comes next, unless the page waits for something else first."""
    if ask:
        make_way(recipe)
    found, on_their_way, same = Counted(recipe), 0, about(recipe)
    for cut, how, raw_only in dict.fromkeys(order(recipe)):
        if any(cut >= least for least in found.failed):  # out of reach, as all beyond it
            continue
        more: dict[str, Any] = {"about": same, "page_only": True, "raw_only": raw_only}
        more["start"] = ask and on_their_way < AHEAD
        answer = current_plan.ask_accuracy(recipe.but(cut=cut), how, **more)
        on_their_way += answer.pending and answer.job is not None
        found.take(cut, how, answer)
    return found


def make_way(recipe: Recipe):
    """Another cut on the slider goes before all that was asked for the one before."""
    here = (about(recipe), recipe.cut)
    if st.session_state.get("counted at", here) != here:
        preview_cache.end_of_page()
    st.session_state["counted at"] = here
