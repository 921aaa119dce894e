"""The table of measured times that a cut by latency is planned on: named by a recipe, or measured now."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pruning.devices import of_network
from pruning.experiment.loading import Loaded
from pruning.experiment.uploaded_files import UPLOADS
from pruning.latency import FILE, LatencyTable
from pruning.latency.table import DIGEST
from pruning.progress import Watch, silent
from pruning.runtimes import latency_table, machine_now, must_have_tables

if TYPE_CHECKING:
    from pruning.experiment.recipe import Recipe


def named_table(recipe: "Recipe") -> LatencyTable | None:
    """The table that the recipe names: by a path, by its digest (of those that the app keeps), or by both, as
    sha256:DIGEST#PATH. None where it names none.

    Raises ValueError in one sentence where it is gone, is another one or of another runtime; and where it
    names none and none can be made."""
    if recipe.measure != "latency":
        return None
    if recipe.latency is None:
        must_have_tables(recipe.runtime)
        return None
    if not recipe.latency.startswith(DIGEST):
        return of_runtime(LatencyTable.read(recipe.latency), recipe)
    digest, _, path = recipe.latency.partition("#")
    kept = Path(os.environ.get(UPLOADS) or ".", digest.removeprefix(DIGEST), FILE)
    if kept.is_file():
        path = str(kept)
    elif not path or not Path(path).is_file():
        raise ValueError(
            f"this recipe was planned on a {FILE} that is not beside it; give it again as latency=FILE"
        )
    table = LatencyTable.read(path)
    if table.digest != digest:
        raise ValueError(f"{path} is not the {FILE} that this recipe was planned on; give that file")
    return of_runtime(table, recipe)


def of_runtime(table: LatencyTable, recipe: "Recipe") -> LatencyTable:
    """The table. Raises ValueError where its times are of another runtime."""
    if table.runtime != recipe.runtime:
        raise ValueError(
            f"the latency table was measured in {table.runtime}, and runtime is {recipe.runtime}; give "
            f"runtime={table.runtime}, or another table or none"
        )
    return table


def found_beside(recipe: "Recipe", folder: Path, given: str | None = None) -> "Recipe":
    """The recipe, its table by digest looked for in `given`, or else in the folder that its recipe.json is
    in."""
    text = recipe.latency or ""
    if not text.startswith(DIGEST):
        return recipe if given is None else recipe.but(latency=given)
    file = Path(given) if given is not None else folder / FILE
    if given is None and not file.is_file():
        return recipe
    return recipe.but(latency=f"{text.partition('#')[0]}#{file.resolve()}")


def table_reference(table: LatencyTable) -> str:
    """What a recipe of the app calls a table: its file is looked for by that digest, or beside the user."""
    return f"{table.digest}#{FILE}"


def store_table(table: LatencyTable):
    """Stores a table where the app's processes find it."""
    folder = Path(os.environ[UPLOADS], table.digest.removeprefix(DIGEST))
    folder.mkdir(exist_ok=True)
    scratch = folder / f"{FILE}.{os.getpid()}"
    scratch.write_text(table.to_json())
    os.replace(scratch, folder / FILE)


def with_table(
    loaded: Loaded, table: LatencyTable | None, state: str | Path | None, watch: Watch
) -> tuple[Loaded, list[str]]:
    """What was loaded, with a table where the measure is latency, named in its recipe by digest; and what a
    user should know of it.

    table: the one that was named.   state: folder of a run that may go on, which keeps its table."""
    if loaded.recipe.measure != "latency":
        return loaded, []
    kept = Path(state) / FILE if state is not None else None
    if table is None and kept is not None and kept.is_file():
        table = LatencyTable.read(kept)
        same = table.fits(loaded.graph.structure) and table.runtime == loaded.recipe.runtime
        table = table if same else None
    if table is None:
        table = latency_table(loaded.graph, runtime=loaded.recipe.runtime, watch=watch)
    table.must_fit(loaded.graph.structure)
    recipe = replace(loaded.recipe, latency=table.digest)
    return replace(loaded, recipe=recipe, table=table), foreign(table, loaded)


def foreign(table: LatencyTable, loaded: Loaded) -> list[str]:
    """A message where the times are not this machine's, as it computes now."""
    here = machine_now(table.runtime, of_network(loaded.model)[0])
    if here is None:
        return [f"the widths were planned on times of {table.runtime}, which is not installed here."]
    if here == table.machine:
        return []
    return [
        f"the widths were planned on times measured on another machine or setting: "
        f"{table.machine.in_words()}; this is {here.in_words()}."
    ]


def table_now(recipe: "Recipe", watch: Watch = silent) -> LatencyTable:
    """The table of the recipe's network, measured on this machine and kept for the app's processes."""
    from pruning.experiment.loaded_networks import loaded

    table = latency_table(loaded(recipe, watch).graph, runtime=recipe.runtime, watch=watch)
    store_table(table)
    return table
