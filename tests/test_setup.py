"""What comes along was made by the commands that `make assets` repeats."""

import json
import subprocess

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
