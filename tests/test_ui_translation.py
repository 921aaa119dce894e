"""What pages and reports show of a network that translates: a run as it was saved, opened again; and data."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import pruning
from pruning import Recipe
from pruning.data.description import in_one_line
from pruning.html_report.run_report import run_html
from pruning.inspection.data_look import look_at_data
from pruning.inspection.reopened_run import reopened_run
from pruning.places import ASSETS
from tests.page_door import said

COLOURS = {  # the domains of scenes_colours, in its order
    "red": (220, 40, 40),
    "yellow": (220, 210, 40),
    "green": (40, 190, 60),
    "cyan": (40, 200, 210),
    "blue": (50, 70, 220),
    "magenta": (210, 50, 200),
}
NETWORK = {
    "model": "stargan_small",
    "checkpoint": str(ASSETS / "stargan_small-scenes_colours.safetensors"),
    "threads": 1,
    "calibration": 12,
}


def squares(path: Path) -> Path:
    """Grey pictures with a square of a domain's colour, and the judge that comes along."""
    arrays: dict[str, np.ndarray] = {"classes": np.array(list(COLOURS))}
    random = np.random.default_rng(0)
    for part, each in (("train", 6), ("test", 2)):
        labels = np.repeat(np.arange(len(COLOURS)), each)
        pictures = random.integers(90, 120, (len(labels), 32, 32, 3)).astype(np.uint8)
        pictures[:, 8:24, 8:24] = np.array(list(COLOURS.values()), np.uint8)[labels, None, None]
        arrays |= {f"x_{part}": pictures, f"y_{part}": labels}
    np.savez(path, **arrays)
    shutil.copy(
        ASSETS / "domains" / "scenes_colours.judge.safetensors", path.with_suffix(".judge.safetensors")
    )
    return path


def panel(folder: str):
    """A page with the result of a run, opened again."""
    from pathlib import Path

    from pruning.inspection.reopened_run import reopened_run
    from pruning.ui.prune import result

    result.panel(reopened_run(folder), Path(folder))


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """The folder of a run that cut half of a small StarGAN and repaired it."""
    folder = tmp_path_factory.mktemp("translated")
    data = squares(folder / "squares.npz")
    recipe = Recipe(**NETWORK, data=str(data), criterion="l1", cut=0.5, repair="reconstruct")
    return pruning.run(recipe).save(folder / "run")


def test_a_run_keeps_a_picture_of_every_domain_in_every_domain_at_every_stage(saved):
    found = reopened_run(saved)
    told = found.translated
    assert told.sources == told.domains == tuple(COLOURS)
    assert list(told.stages) == ["baseline", "cut", "repaired"]
    with np.load(saved / "predictions.npz") as kept:
        labels, made = kept["labels"], kept["baseline_pictures"]
    asked = labels[told.rows, 1]
    shown = told.stages["baseline"][np.arange(len(asked)), asked]
    assert np.array_equal(shown, made[told.rows])  # what the run was measured on is what is shown
    row, names = found.changes.iloc[0], list(COLOURS)
    source, target = labels[row["image"]]
    assert row["label"] == f"{names[source]} to {names[target]}" and row["before"] != row["after"]


def test_the_page_shows_them_and_says_each_measure_with_its_interval(saved, workers):
    app = AppTest.from_function(panel, kwargs={"folder": str(saved)}, default_timeout=600).run()
    assert not app.exception
    assert {"In every domain", "What became of the pictures"} <= {part.value for part in app.subheader}
    drawn = "".join(part.proto.body for part in app.get("html"))
    assert "Test image 0, Repaired, to blue" in drawn and "taken for" in drawn
    (table,) = [frame.value for frame in app.dataframe if "Lower is better" in frame.value]
    assert list(table) == ["Lower is better", "Full network", "Cut", "Repaired"] and len(table) == 4
    assert re.fullmatch(r"\S+ \(\S+ to \S+\)", table.set_index("Lower is better")["Cut"]["Fréchet distance"])
    assert "comes out too large" in said(app)


def test_the_report_shows_the_same(saved):
    text = run_html(saved)
    assert text.count("Repaired, to blue") == len(COLOURS) and "two halves of the real ones" in text
    measures = reopened_run(saved).report["measures"]["cycle_error"]["values"]
    assert f'data-name="cycle_error.cut" data-value="{measures["cut"]["value"]}"' in text


def test_data_tell_the_domains_that_pictures_are_of(tmp_path):
    look = look_at_data(Recipe(**NETWORK, data=str(squares(tmp_path / "squares.npz"))))
    assert "6 domains" in in_one_line(look.told) and look.labels.ndim == 1
    assert [row["test_images"] for row in look.told["classes"]] == [2] * len(COLOURS)
