"""What comes along was made by the commands that `make assets` repeats, and is in the package when built."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors import safe_open

from pruning.models import bundled
from tests.front_door import REPOSITORY


def test_make_assets_repeats_the_commands_that_the_weights_record():
    dry = subprocess.run(["make", "-n", "assets"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    commands = dry.stdout.replace("\\\n", "").split()
    weights = sorted((REPOSITORY / "assets").glob("*.safetensors"))
    assert len(weights) == len(bundled()) > 0
    for path in weights:
        with safe_open(path, "numpy") as file:
            told = file.metadata()
        recorded, out = told["command"].split(" --out ")
        assert recorded.removeprefix("python ") + f" --out assets/{out}" in " ".join(commands)
        assert json.loads(told["versions"])["torch"]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The files of a wheel, as `pip install .` unpacks them."""
    place = tmp_path_factory.mktemp("built")
    words = f"egg_info --egg-base {place} build --build-base {place / 'base'} --build-lib {place / 'lib'}"
    command = [sys.executable, "setup.py", "-q", *words.split()]
    subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return place / "lib"


def files_of(folder: str, top: Path = REPOSITORY) -> set[str]:
    found = (path for path in (top / folder).rglob("*") if path.is_file())
    return {path.relative_to(top).as_posix() for path in found if "__pycache__" not in path.parts}


def test_a_wheel_holds_the_package_and_the_app(built):
    app = {"app.py", ".streamlit/config.toml", *files_of("pages"), *files_of("assets")}
    wanted = {*files_of("pruning"), *(f"pruning/app_files/{name}" for name in app)}
    assert len(app) > 10 and wanted == files_of("", built)


def test_an_installed_app_finds_its_pages_and_networks(built, tmp_path):
    code = (
        "from pruning import models; from pruning.ui.page import ICON, places; "
        "import json; "
        "print(json.dumps([models.bundled(), str(ICON), list(places())]))"
    )
    command, settings = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(built)}
    done = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, check=True)
    pairs, icon, pages = json.loads(done.stdout)
    assert [tuple(pair) for pair in pairs] == list(bundled())
    assert icon == str(built / "pruning/app_files/assets/icon.svg") and {"Start", "Prune"} < set(pages)
