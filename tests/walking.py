"""The walk through the app: every page with every choice, at every state of what is computed, and with
changes while it is computed. Nothing may go wrong.

    python -m tests.walking     all combinations, in an order of chance; goes on where the last walk has ended
"""

import argparse
import itertools
import json
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any, get_args
from unittest import mock
from urllib.parse import urlencode

import streamlit as st
from streamlit.testing.v1 import AppTest

from pruning import Recipe, models
from pruning.allocation import ALLOCATIONS, MEASURES, SEARCHED
from pruning.criteria import CRITERIA
from pruning.experiment.recipe_fields import Repair
from pruning.inspection import describe
from pruning.ui import jobs
from tests.front_door import REPOSITORY
from tests.heard import listening
from tests.inline_workers import InlineWorkers
from tests.page_door import open_page, parts_of, tick

PAGES = ("", *(path.stem for path in sorted((REPOSITORY / "pages").glob("*.py"))))
NAMED = {  # all of whose combinations `make walk` goes through
    "page": PAGES,
    "criterion": tuple(CRITERIA),
    "allocation": (*ALLOCATIONS, *SEARCHED),
    "repair": get_args(Repair),
    "network": models.bundled(),
}
BESIDES = {  # the others are drawn for each of them
    "state": ("nothing yet", "pending", "done"),
    "change": ("criterion", "option", "network", "cut", "page"),
    "cut": (0.4, 0.0, 0.93),
    "groups": ("inner", "all"),
    "measure": MEASURES,
    "beside": (None, "l1", "cpot", "di"),
    "opened": (None, "group", "channel"),
    "subtask": ((), (3, 5, 8)),
    "lesson": (False, True),
    "bits": (None, 3.0),
}
FACTORS = NAMED | BESIDES
FIELDS = ("criterion", "allocation", "repair", "cut", "groups", "measure", "subtask", "bits")
LIGHT = {"calibration": 20, "threads": 1, "match_steps": 1, "search_images": 16}
LIGHT_ATTRIBUTION = {"steps": 1, "images": 4}
DONE = REPOSITORY / ".measured" / "walk.jsonl"


def recipe_of(combination: Mapping[str, Any]) -> Recipe:
    """What a combination asks for, as far as a recipe can: a criterion that trains gates knows three
    allocations."""
    own = {
        name: combination[name] for name in ("criterion", "allocation", "repair", "cut", "groups", "measure")
    }
    model, data = combination["network"]
    own |= {"subtask": combination["subtask"], "bits": combination["bits"], "model": model, "data": data}
    if CRITERIA[own["criterion"]].trained:
        own["allocation"] = {"global": "global", "uniform": "uniform"}.get(own["allocation"], "gates")
    if "steps" in CRITERIA[own["criterion"]].options:  # an attribution's: layers x steps passes an image
        own["options"] = LIGHT_ATTRIBUTION
    if own["repair"] != "match":
        return Recipe(**own, **(LIGHT | {"match_steps": Recipe().match_steps}))
    return Recipe(**own, **LIGHT)


def link_of(combination: Mapping[str, Any]) -> dict[str, str]:
    """The link that opens it."""
    recipe, looked = recipe_of(combination), {}
    if combination["opened"]:
        looked["group"] = groups(recipe.model, recipe.data)[1]
    if combination["opened"] == "channel":
        looked["channel"] = "2"
    if combination["beside"]:
        looked["beside"] = combination["beside"]
    return recipe.to_query() | looked | ({"lesson": "1"} if combination["lesson"] else {})


@cache
def groups(model: str, data: str) -> tuple[str, ...]:
    return describe(Recipe(model=model, data=data, threads=1)).structure.names


class Walker:
    """Goes through combinations, one at a time. seconds: given to previews at a time."""

    def __init__(self, workers: InlineWorkers, traces: list[str], seconds: float):
        self.workers, self.traces, self.seconds = workers, traces, seconds

    def walk(self, combination: Mapping[str, Any]) -> list[str]:
        """Opens the page and looks at it as it fills, changes something, and looks again. Returns what went
        wrong, as traces; empty if nothing did."""
        st.cache_resource.clear()  # a server that has just been started
        self.workers.anew()
        self.traces.clear()
        app = open_page(combination["page"], **link_of(combination))
        if combination["state"] != "nothing yet":
            tick(app)  # the first time a part only paints itself; from then on it asks
        self.look(app, combination["state"])
        ended = [f"a page at rest has ended what it asked for: {job.title}" for job in self.workers.cancelled]
        stale = parts_of(app)
        getattr(self, f"change_{combination['change']}")(app, combination)
        tick(app, stale)  # their turn had come when the page was changed
        self.look(app, combination["state"])
        wrong = [*ended, *self.traces, *(error.value for error in app.exception)]
        if not app.title:
            wrong.append("no page: " + "; ".join(error.value for error in app.error))
        self.traces.clear()
        return wrong

    def look(self, app: AppTest, state: str):
        """The page's parts and then the page, without anything being computed or after some of it was."""
        if state != "nothing yet":
            tick(app)
        if state == "done":
            self.workers.work(self.seconds)
            tick(app.run())

    # ------------------------------------------------------------------------------------------- the changes

    def change_criterion(self, app: AppTest, combination: Mapping[str, Any]):
        """By its list, or by a link where the page has none."""
        scored = [name for name in CRITERIA if not CRITERIA[name].trained]
        other = following(combination["criterion"], scored)
        if not choose(app.selectbox, "widget criterion", other):
            self.follow(app, combination | {"criterion": other})

    def change_option(self, app: AppTest, combination: Mapping[str, Any]):
        """The first of the criterion's own options that is a choice of a few."""
        for option in CRITERIA[combination["criterion"]].options.values():
            if option.choices and choose(app.selectbox, f"widget option {option.name}", option.choices[-1]):
                return

    def change_network(self, app: AppTest, combination: Mapping[str, Any]):
        """By its card, or by a link where the page has none."""
        model, data = other = following(combination["network"], FACTORS["network"])
        cards = [button for button in app.button if button.key == f"card {model} {data}"]
        if cards:
            cards[0].click().run()
        else:
            self.follow(app, combination | {"network": other})

    def change_cut(self, app: AppTest, combination: Mapping[str, Any]):
        if not choose(app.slider, "widget cut", 30):
            self.follow(app, combination | {"cut": 0.3})

    def change_page(self, app: AppTest, combination: Mapping[str, Any]):
        other = following(combination["page"], PAGES)
        app.switch_page(f"pages/{other}.py" if other else "app.py")
        app.query_params.clear()  # as Streamlit does
        app.run()

    def follow(self, app: AppTest, combination: Mapping[str, Any]):
        """Another link in the same session, as by the browser's Back button."""
        app.query_params.clear()
        for key, value in link_of(combination).items():
            app.query_params[key] = value
        app.run()


def following(one, known):
    """The next of some values, after the last the first."""
    known = list(known)
    return known[(known.index(one) + 1) % len(known)] if one in known else known[0]


def choose(widgets, key: str, value) -> bool:
    """Sets a widget and runs the page; False where the page has none that can be set so."""
    for widget in widgets:
        if widget.key == key and not widget.disabled:
            widget.set_value(value).run()
            return True
    return False


@contextmanager
def walker(seconds: float) -> Iterator[Walker]:
    """The pages' workers are those of this process meanwhile."""
    workers = InlineWorkers()
    with mock.patch.object(jobs, "workers", lambda: workers), listening() as traces:
        yield Walker(workers, traces, seconds)
    workers.close()
    st.cache_resource.clear()


# ------------------------------------------------------------------------------------------ all combinations


def every(seed: int) -> list[dict[str, Any]]:
    """All combinations of NAMED in an order of chance, the rest drawn for each; the same for a seed."""
    draw, found = random.Random(seed), []
    for values in itertools.product(*NAMED.values()):
        found.append(dict(zip(NAMED, values, strict=True)) | {n: draw.choice(v) for n, v in BESIDES.items()})
    draw.shuffle(found)
    return found


def name_of(combination: Mapping[str, Any]) -> str:
    """Its page and link, and what is done there."""
    page = combination["page"].partition("_")[2]
    link = urlencode(link_of(combination), safe=":/,")
    return f"/{page}?{link} ({combination['state']}, then change: {combination['change']})"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=float("inf"), help="Ends after so long.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", default="1/1", help="2/3: the second of three parts, walked side by side.")
    given = parser.parse_args()
    part, parts = map(int, given.part.split("/"))
    begun, left, wrong = time.monotonic(), every(given.seed)[part - 1 :: parts], 0
    known = [json.loads(line) for line in DONE.read_text().splitlines()] if DONE.exists() else []
    known, total = {one["name"]: one["wrong"] for one in known}, len(left)
    left = [one for one in left if name_of(one) not in known]
    print(f"{total} combinations, {total - len(left)} of them walked before")
    DONE.parent.mkdir(exist_ok=True)
    with walker(seconds=3.0) as walks:
        for number, one in enumerate(left, total - len(left) + 1):
            if time.monotonic() - begun > given.seconds:
                break
            found = walks.walk(one)
            wrong += bool(found)
            with DONE.open("a") as file:
                file.write(json.dumps({"name": name_of(one), "wrong": found}) + "\n")
            if found or number % 50 == 0:
                print(
                    f"{number} of {total}, {wrong} wrong",
                    *([name_of(one), *found] if found else []),
                    sep="\n",
                )
    raise SystemExit(f"{wrong} combinations went wrong" if wrong else 0)


if __name__ == "__main__":
    main()
