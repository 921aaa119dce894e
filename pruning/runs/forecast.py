"""What a comparison would do, before it is run: how many runs, and how long they take."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean

from pruning.experiment.duration import pace_now, seconds_of
from pruning.experiment.recipe import Recipe
from pruning.progress import Watch, silent
from pruning.runs.cluster import processes
from pruning.runs.product import CONTROLS, Comparison
from pruning.runs.run_key import run_key
from pruning.runs.store import RunStore


@dataclass(frozen=True)
class Forecast:
    """What a comparison would do. recipes, controls: how many.   known: recipes that the store has.   failed:
    that can't be done.   seconds: of all that is to do, None where nothing like it was run before.   reasons:
    why those that failed do, each once."""

    recipes: int
    controls: int
    known: int
    failed: int
    seconds: float | None
    at_once: int
    reasons: tuple[str, ...] = ()


def foresee(comparison: Comparison, store: RunStore, measure: Callable | None = None) -> Forecast:
    """measure: (recipe) -> seconds, for recipes whose like the store lacks."""
    known, paces = store.all_finished(comparison.size), _seconds_of_like(store)
    recipes = controls = found = 0
    failed: list[str] = []
    seconds: float | None = 0.0
    guessed: dict[tuple, float | None | ValueError] = {}
    at_once = 1
    for entry in comparison.entries():
        recipes += 1
        if entry.recipe is None:
            failed.append(entry.error)
            continue
        trains = comparison.with_controls and entry.recipe.epochs
        at_once = processes(entry.recipe.threads)
        if known(run_key(entry.recipe)) is not None:
            controls += len(CONTROLS) if trains else 0
            found += 1
            continue
        like = _like(entry.fields)
        if like not in guessed:
            guessed[like] = paces.get(like) or (_told(measure, entry.recipe) if measure else None)
        one = guessed[like]
        if isinstance(one, ValueError):
            failed.append(str(one))
            continue
        controls += len(CONTROLS) if trains else 0
        seconds = (
            None if one is None or seconds is None else seconds + one * (1 + len(CONTROLS) * bool(trains))
        )
    reasons = tuple(dict.fromkeys(failed))
    return Forecast(recipes, controls, found, len(failed), seconds and seconds / at_once, at_once, reasons)


def forecast_of(recipe: Recipe, comparison: Comparison, watch: Watch = silent) -> Forecast:
    """`foresee`, as a question of a page. recipe: of the page; it says nothing here."""
    with RunStore() as store:
        return foresee(comparison, store, measured_seconds)


def measured_seconds(recipe: Recipe) -> float:
    """Of a recipe whose like was never run: the network is timed. Raises ValueError where it can't be
    loaded."""
    return seconds_of(recipe, pace_now(recipe))


def _told(measure: Callable, recipe: Recipe) -> float | ValueError:
    """What a measurement tells; where the recipe can't be done, why, as its rows will say."""
    try:
        return measure(recipe)
    except ValueError as why:
        return why


def _like(fields) -> tuple:
    names = ("model", "data", "criterion", "allocation", "repair", "epochs")
    return tuple(str(fields.get(name)) for name in names)


def _seconds_of_like(store: RunStore) -> dict[tuple, float]:
    """{model, data, criterion, allocation, repair, epochs: mean seconds} of the newest kept runs."""
    found: dict[tuple, list[float]] = {}
    for run in store.runs("tags.`pruning.status` = 'finished' and tags.`pruning.kind` = 'recipe'", most=500):
        fields = dict(run.params)
        fields.setdefault("epochs", "0")
        found.setdefault(_like(fields), []).append(run.seconds)
    return {like: fmean(seconds) for like, seconds in found.items()}
