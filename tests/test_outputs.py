"""What the command line writes into and listens on: nobody's file is lost, a taken place is a line."""

import os
import socket
import subprocess
import sys

import pytest

from tests.front_door import REPOSITORY
from tests.test_command_line import refused
from tests.test_saved_results import SAVED

WRITERS = {  # what would write over results.csv, or its like
    "scores": "scores --criterion l1 --out network.safetensors",
    "sensitivity": "sensitivity --criterion l1 --out network.safetensors",
    "oracle": "oracle --group layer1.0.conv1 --out network.safetensors",
    "train": "train --out results.csv",
    "bench": "bench --json results.csv",
    "report": f"report {SAVED / 'plain'} --out results.csv",
    "report of the same ending": f"report {SAVED / 'plain'} --out page.html",
}


@pytest.mark.parametrize("words", WRITERS.values(), ids=WRITERS)
def test_a_file_of_another_kind_is_not_written_over(words, tmp_path):
    for name in ("network.safetensors", "results.csv", "page.html"):
        (tmp_path / name).write_text("a file of yours")
    assert words.split()[-1] in refused(words.split(), tmp_path)
    assert {file.read_text() for file in tmp_path.iterdir() if file.is_file()} == {"a file of yours"}


def test_the_app_on_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        answer = refused(["app", "--headless", "--port", port], tmp_path)
    assert str(port) in answer and "taken" in answer


def test_a_reader_that_has_ended_is_no_defect(tmp_path):
    command = f"{sys.executable} -m pruning list models | true"
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)}
    done = subprocess.run(["bash", "-c", f"{command}; echo ${{PIPESTATUS[0]}}"], env=env, capture_output=True)
    assert done.stdout.split() == [b"141"] and done.stderr == b"" and not list(tmp_path.iterdir())
