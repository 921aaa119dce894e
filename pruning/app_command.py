"""The command that starts the app, wherever it is called from."""

import errno
import inspect
import os
import socket
import sys
from collections.abc import Callable
from dataclasses import fields
from math import ceil
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from pruning.limits import Limits, variable
from pruning.models import own_code
from pruning.output_places import writable
from pruning.places import APP
from pruning.runs.store import FOLDER

HOME = "127.0.0.1"  # server.address there
STREAMLITS = 200  # MB that server.maxUploadSize of .streamlit/config.toml has
PORT = "Where the app listens. [default: 8501, or the next that is free]"
ADDRESS = "The address it listens on; 0.0.0.0 is all that this machine has. [default: 127.0.0.1]"
BROWSER = "--headless opens no browser, --open opens one. [default: opens one where there is a screen]"
BASE_PATH = "The path below which a reverse proxy hands the app on, such as pruning."
CODE = (
    "Also take networks that code on this machine makes, PACKAGE.MODULE:FACTORY or FILE.py:FACTORY: whoever "
    "reaches the app can then have any such code run. [default: only listed networks and torchvision's]"
)
RUNS = "Folder of the store of runs. [default: ~/.pruning-explorer/runs]"


def with_limits(command: Callable) -> Callable:
    """Gives it a flag for each of the Limits; the command gets those that were typed."""
    own = [one for one in inspect.signature(command).parameters.values() if one.kind is one.KEYWORD_ONLY]
    flags = []
    for one in fields(Limits):
        shown = "" if one.default is None else f" [default: {one.default}]"
        parameter = Parameter(help=one.metadata["help"] + shown, group="Limits of a visitor")
        how = {"default": None, "annotation": Annotated[float | None, parameter]}
        flags.append(inspect.Parameter(f"limit_{one.name}", inspect.Parameter.KEYWORD_ONLY, **how))

    def typed(**given):
        return command(**{name: value for name, value in given.items() if value is not None})

    typed.__name__, typed.__doc__ = command.__name__, command.__doc__
    typed.__signature__ = inspect.Signature([*own, *flags])  # type: ignore[attr-defined] # cyclopts reads it
    return typed


def must_listen(address: str | None, port: int | None) -> None:
    """Tries to listen there before the app does. Raises ValueError where the machine has no such address, or
    the port is another program's. port: None is whichever is free."""
    nowhere = (
        f"--address is {address!r}, and this machine has no such address; give 127.0.0.1, or 0.0.0.0 for "
    )
    nowhere += "all that it has"
    try:
        places = socket.getaddrinfo(address or HOME, port or 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ValueError(nowhere) from None
    family, kind, protocol, _, place = places[0]
    with socket.socket(family, kind, protocol) as tried:
        if os.name == "posix":  # elsewhere it would take a port that is taken
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(place)
        except PermissionError:
            raise ValueError(
                f"--port is {port}, which this account may not take; give 1024 or more"
            ) from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                told = (
                    f"port {port} of {address or HOME} is taken; give another --port, or none for a free one"
                )
                raise ValueError(told) from None
            raise ValueError(nowhere) from None


@with_limits
def start_app(
    *,
    port: Annotated[int | None, Parameter(help=PORT)] = None,
    address: Annotated[str | None, Parameter(help=ADDRESS)] = None,
    headless: Annotated[bool | None, Parameter(help=BROWSER, negative="--open")] = None,
    base_path: Annotated[str | None, Parameter(help=BASE_PATH)] = None,
    runs: Annotated[Path | None, Parameter(help=RUNS)] = None,
    allow_code: Annotated[bool | None, Parameter(help=CODE, negative="")] = None,
    **limits,
):
    """Starts the app; Ctrl-C ends it."""
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"--port is {port}; give a whole number from 1 to 65535")
    must_listen(address, port)
    settings = {
        "server.port": port,
        "server.address": address,
        "browser.serverAddress": address,  # of 0.0.0.0 it would ask somebody outside for this machine's own
        "server.headless": headless,
        "server.baseUrlPath": base_path,
    }
    typed = [f"--{name}={str(value).lower()}" for name, value in settings.items() if value is not None]
    if allow_code:
        os.environ[own_code.ALLOWED] = "1"
    if runs is not None:
        os.environ[FOLDER] = str(writable(runs, folder=True, name="--runs").absolute())
    os.environ |= {variable(name.removeprefix("limit_")): str(value) for name, value in limits.items()}
    most = Limits.from_environment().file  # a wrong one is told now, not by every page
    if most is not None and most > STREAMLITS:
        typed.append(f"--server.maxUploadSize={ceil(most)}")
    command = [sys.executable, "-m", "streamlit", "run", str(APP / "app.py"), *typed]
    os.execv(sys.executable, command)  # this process becomes the server's: signals and exit codes are its own
