"""The list of runs that are kept: pages of it, one run and its recipe, notes, deletion and its undoing."""

import json
from collections.abc import Iterable
from urllib.parse import parse_qsl

from pruning.experiment.recipe import Recipe
from pruning.runs.logged_values import LONGEST
from pruning.runs.store import LINK, REPORT, STATUS, KeptRun, RunStore, kept_run

NOTE = "mlflow.note.content"  # what MLflow's own pages show as the description


def page_of(
    store: RunStore,
    words: str = "",
    status: str = "",
    most: int = 50,
    token: str | None = None,
    order: str = "attributes.start_time DESC",
) -> tuple[list[KeptRun], str | None]:
    """Some of the runs in whose names all of these words stand, the newest first, and the token of those
    that follow, if any. status: of a KeptRun; empty is any.   order: as MLflow's `order_by` takes it."""
    clean = [word.replace("'", "").replace("%", "") for word in words.split()]
    parts = [f"attributes.run_name ILIKE '%{word}%'" for word in clean if word]
    parts += [f"tags.`{STATUS}` = '{status}'"] if status else []
    with store.told_of_store():
        found = store.client.search_runs(
            [store.experiment], " and ".join(parts), max_results=most, order_by=[order], page_token=token
        )
    return [kept_run(run) for run in found], found.token or None


def get(store: RunStore, id: str) -> KeptRun | None:
    """None where there is no such run, or it was deleted."""
    from mlflow.exceptions import MlflowException

    with store.told_of_store():
        try:
            run = store.client.get_run(id)
        except MlflowException as error:
            if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                return None
            raise
    return kept_run(run) if run.info.lifecycle_stage == "active" else None


def recipe_of(store: RunStore, run: KeptRun) -> Recipe | None:
    """None where it is of another version and no recipe any more."""
    try:
        if LINK in run.tags:
            return Recipe.from_query(dict(parse_qsl(run.tags[LINK])))
        return Recipe.from_dict(json.loads(store.fetch(run, REPORT).read_text())["recipe"])
    except Exception:  # whatever a report of another version lacks
        return None


def notes(store: RunStore) -> dict[str, str]:
    """{run: its note} of those that have one. As all here it raises ValueError where no store answers."""
    return {run.id: run.tags[NOTE] for run in store.runs(f"tags.`{NOTE}` LIKE '%'") if run.tags[NOTE]}


def note(store: RunStore, id: str, text: str):
    """Keeps a note of a run, in place of the one before."""
    with store.told_of_store(), store.write():
        store.client.set_tag(id, NOTE, text[:LONGEST])


def delete(store: RunStore, ids: Iterable[str]):
    """Takes runs out of all lists. Their files stay until `mlflow gc` removes them, so `restore` brings
    everything back."""
    with store.told_of_store(), store.write():
        for id in ids:
            store.client.delete_run(id)


def restore(store: RunStore, ids: Iterable[str]):
    with store.told_of_store(), store.write():
        for id in ids:
            store.client.restore_run(id)
