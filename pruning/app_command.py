"""The command that starts the app, wherever it is called from."""

import os
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pruning.flags import writable
from pruning.places import APP
from pruning.runs.store import FOLDER

PORT = "Where the app listens. [default: 8501, or the next that is free]"
ADDRESS = "The address it listens on; 0.0.0.0 is all that this machine has. [default: 127.0.0.1]"
BROWSER = "--headless opens no browser, --open opens one. [default: opens one where there is a screen]"
BASE_PATH = "The path below which a reverse proxy hands the app on, such as pruning."
RUNS = "Folder of the store of runs. [default: ~/.pruning-explorer/runs]"


def start_app(
    *,
    port: Annotated[int | None, Parameter(help=PORT)] = None,
    address: Annotated[str | None, Parameter(help=ADDRESS)] = None,
    headless: Annotated[bool | None, Parameter(help=BROWSER, negative="--open")] = None,
    base_path: Annotated[str | None, Parameter(help=BASE_PATH)] = None,
    runs: Annotated[Path | None, Parameter(help=RUNS)] = None,
):
    """Starts the app; Ctrl-C ends it."""
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"--port is {port}; give a whole number from 1 to 65535")
    settings = {
        "server.port": port,
        "server.address": address,
        "server.headless": headless,
        "server.baseUrlPath": base_path,
    }
    typed = [f"--{name}={str(value).lower()}" for name, value in settings.items() if value is not None]
    if runs is not None:
        os.environ[FOLDER] = str(writable(runs, folder=True, flag="--runs").absolute())
    command = [sys.executable, "-m", "streamlit", "run", str(APP / "app.py"), *typed]
    os.execv(sys.executable, command)  # this process becomes the server's: signals and exit codes are its own
