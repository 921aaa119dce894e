"""Networks that code of one's own makes: the file is run, its factory called, and what it returns tried
before anything is built on it."""

import importlib
import inspect
import logging
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pruning.error_messages import choose, first_line
from pruning.models.black_images import answer_to_nothing
from pruning.models.own_code import (
    FORM,
    OwnCodeError,
    OwnName,
    described,
    digest_in,
    file_of,
    importable,
    must_be_allowed,
    parted,
)
from pruning.tasks import TASKS, Task

if TYPE_CHECKING:
    from torch import nn

NUMBER_OF_CLASSES = (
    "num_classes",
    "classes",
    "n_classes",
    "domains",
    "num_domains",
    "c_dim",
)  # parameters that are given the data's
BY_CALLER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
ITEMS = 2  # images that a network is tried with: one alone would not tell an axis of images from others
_imported: dict[str, str] = {}  # {module: its file, as recorded, when this process imported it}
log = logging.getLogger(__name__)


def build(name: str, classes: int | None) -> "nn.Module":
    """What the factory returns, a copy that nobody else holds, and with weights of its own where it computes
    them by torch's masks, norms and parametrizations, whose numbers stand in its `worked_in`. classes: the
    data's; None: not known.

    Runs the code, if this process may. Raises OwnCodeError in one sentence where it fails or returns no
    network."""
    must_be_allowed(name)
    own = parted(name)
    made = called(found(module_of(own), own), own, classes)
    from torch import nn

    from pruning.models.reparametrizations import copied, work_in

    if not isinstance(made, nn.Module):
        raise OwnCodeError(f"{own.told} returns {a_kind_of(made)}; let it return a torch.nn.Module")
    try:
        network = copied(made).cpu()
    except Exception as error:
        raise failed(own, "makes a network that can't be copied", error) from error
    network.worked_in = work_in(network)
    return network


def module_of(own: OwnName) -> ModuleType:
    """The module, imported; one whose file has changed since is imported anew."""
    file = file_of(own)
    if file is None:
        where = "is not there" if own.is_file else "can't be found in the working folder or what is installed"
        raise OwnCodeError(f"{own.where} {where}; give --model {FORM}")
    for folder in (*importable(), *([str(file.parent)] if own.is_file else [])):
        if folder and folder not in sys.path:
            sys.path.append(folder)  # at the end: nobody's files take the place of what is installed
    try:
        return run_file(file) if own.is_file else imported(own.where, file)
    except (Exception, SystemExit) as error:
        raise failed(own, "can't be imported", error) from error


def run_file(file: Path) -> ModuleType:
    """A file as a module of a name of its own. What is run are the bytes that are recorded."""
    source = file.read_bytes()
    name = f"{file.stem}_{digest_in(described(file, source))[:16]}"
    if name not in sys.modules:
        module = ModuleType(name)
        module.__file__ = str(file)
        sys.modules[name] = module  # dataclasses and pickle look there
        try:
            exec(compile(source, str(file), "exec"), module.__dict__)
        except BaseException:
            del sys.modules[name]
            raise
    return sys.modules[name]


def imported(where: str, file: Path) -> ModuleType:
    now, was_there = described(file, file.read_bytes()), where in sys.modules
    importlib.invalidate_caches()
    module = importlib.import_module(where)
    if was_there and _imported.get(where, now) != now:
        module = importlib.reload(module)
    _imported[where] = now
    return module


def found(module: ModuleType, own: OwnName) -> Any:
    """The factory in its module."""
    place: Any = module
    for part in own.factory.split("."):
        if not hasattr(place, part):
            try:
                choose(part, public(place), f"{Path(own.where).name} factory")
            except ValueError as error:
                raise OwnCodeError(str(error)) from None
        place = getattr(place, part)
    return place


def public(place: Any) -> list[str]:
    return [name for name, value in vars(place).items() if callable(value) and name[0] != "_"]


def called(factory: Any, own: OwnName, classes: int | None) -> Any:
    """What the factory makes, given the number of classes where it has a parameter for it."""
    from torch import nn

    if isinstance(factory, nn.Module):  # a network that is there already
        return factory
    if not callable(factory):
        raise OwnCodeError(f"{own.told} is {a_kind_of(factory)}; name a function that returns a network")
    try:
        parameters = dict(inspect.signature(factory).parameters)
    except (TypeError, ValueError):  # of some that are written in C
        parameters = {}
    wanted = next((name for name in NUMBER_OF_CLASSES if name in parameters), None)
    given = {wanted: classes} if wanted and classes is not None else {}
    lacking = [
        name
        for name, one in parameters.items()
        if one.default is one.empty and one.kind not in BY_CALLER and name not in given
    ]
    if lacking:
        raise OwnCodeError(
            f"{own.told} needs {', '.join(lacking)}, and is given nothing but the number of classes (as "
            f"{', '.join(NUMBER_OF_CLASSES)}); give defaults to its other parameters"
        )
    try:
        return factory(**given)
    except (Exception, SystemExit) as error:
        raise failed(own, "makes no network", error) from error


# ---------------------------------------------------------------------------------- does it answer?


def must_answer(model: "nn.Module", name: str, data: Any, classes: int, size: int) -> None:
    """Tries a network. data: loaded ones, which say what they ask for; a path or a name says nothing.

    Raises OwnCodeError in one sentence where it fails, or answers something else than the data ask for."""
    own, task = parted(name), getattr(data, "task", None)
    try:
        answer = answer_to_nothing(model, data, ITEMS, size)
    except Exception as error:
        raise failed(own, f"can't answer for {ITEMS} images of {size} x {size} pixels", error) from error
    if task is None or not (problem := task.misfit(answer, ITEMS, classes, size)):
        return
    known = filter(tells, TASKS.values())
    others = [one for one in known if not one.misfit(answer, ITEMS, classes, size)]
    hint = f"; it answers {others[0].answers}, so give data for that" if others else ""
    raise OwnCodeError(f"{own.told} does not fit these data, which ask for {task.answers}: {problem}{hint}")


def tells(task: Task) -> bool:
    """Whether a task knows its answers when it sees them."""
    return type(task).misfit is not Task.misfit


# ---------------------------------------------------------------------------------- what went wrong


def failed(own: OwnName, what: str, error: BaseException) -> OwnCodeError:
    """A sentence about what somebody's code raised, with its line; the trace goes to the log."""
    log.info("%s %s", own.told, what, exc_info=error)
    file = file_of(own)
    lines = [
        frame.lineno for frame in traceback.extract_tb(error.__traceback__) if of_file(frame.filename, file)
    ]
    if isinstance(error, SyntaxError) and of_file(error.filename, file):
        lines.append(error.lineno)
    where = f" in line {lines[-1]}" if lines else ""
    return OwnCodeError(f"{own.told} {what}: {type(error).__name__}{where}, {first_line(error)}")


def of_file(name: str | None, file: Path | None) -> bool:
    return bool(name) and file is not None and os.path.realpath(name) == os.path.realpath(file)


def a_kind_of(value: Any) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
