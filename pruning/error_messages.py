"""How errors are worded, everywhere: a wrong name with the nearest that exists, somebody else's error in a
line, the trace of a defect in a file."""

import difflib
import dis
import os
import select
import sys
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path

LONGEST = 200  # letters of a name that is not known, which a message repeats
PACKAGE = Path(__file__).resolve().parent


def choose(name: str, known: Iterable[str], kind: str) -> str:
    """Returns `name` if it is one of `known`; raises ValueError that offers the nearest and lists what there
    is."""
    known = list(known)
    if name in known:
        return name
    near = difflib.get_close_matches(str(name)[:LONGEST], known, n=5, cutoff=0.5)
    # of equally near names the one that begins alike: resnet21 is nearer to resnet20 than to resnet32
    near.sort(key=lambda other: -len(os.path.commonprefix([str(name), other])))
    offer = f"did you mean {near[0]!r}? There is" if near else "there is"
    given = name if len(str(name)) <= LONGEST else f"{str(name)[:LONGEST]}..."
    listed = ", ".join(known) if len(known) <= 24 else ", ".join(known[:20]) + f" and {len(known) - 20} more"
    raise ValueError(f"there is no {kind} {given!r}; " + (f"{offer}: {listed}" if known else "there is none"))


def for_the_person(error: BaseException) -> bool:
    """Whether an error's text was written for whoever gave the wrong value: it is a ValueError that a `raise`
    of this package has raised. Those of Python and of libraries speak of their own arguments (`x is not in
    list`), so there the program is at fault."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    if not isinstance(error, ValueError) or last is None:
        return False
    code = last.tb_frame.f_code
    raised = dis.opname[code.co_code[last.tb_lasti]] == "RAISE_VARARGS"
    return raised and Path(code.co_filename).resolve().is_relative_to(PACKAGE)


def first_line(error: BaseException) -> str:
    """The first line of an error of somebody else's code, at most 200 letters; of one without words, its
    name."""
    return next(iter(str(error).strip().splitlines()), "")[:200] or type(error).__name__


def nobody_reads() -> bool:
    """Whether what reads the output has ended, as `head` does; what is left of it then goes nowhere."""
    if not hasattr(select, "poll"):  # of Windows, which has no such pipes either
        return False
    gone = select.poll()
    gone.register(sys.stdout.fileno(), 0)
    if not any(state & select.POLLERR for _, state in gone.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def logged(error: Exception) -> str:
    """The file that an error's trace was written into."""
    with tempfile.NamedTemporaryFile("w", prefix="pruning-", suffix=".log", delete=False) as log:
        log.write("".join(traceback.format_exception(error)))
    return log.name
