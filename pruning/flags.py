"""From the Recipe's fields to the command line's flags, and from what was typed back to a Recipe.

cyclopts reads flags from a function's signature; here that signature is made from the record, so that names,
types and help texts stand in one place.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

from cyclopts import CoercionError, CycloptsError, Parameter, UnknownCommandError

from pruning.criteria import CRITERIA
from pruning.error_messages import choose
from pruning.experiment.checks import must_be_heard
from pruning.experiment.latency_tables import found_beside
from pruning.experiment.recipe import Recipe
from pruning.experiment.uploaded_files import replaced_upload
from pruning.untrusted.json_texts import bounded_bytes

STATE = "state"  # the folder, below that of a run, in which it keeps what it needs to go on
PLURAL = {"protect": str, "cut_group": str, "subtask": int, "bit_choices": int}


def flags_of(
    names: Iterable[str] | None = None, *, options: bool = True, numbers: Mapping[str, str] | None = None
) -> Callable:
    """Gives a command the flags of these Recipe fields (all if None) and of every criterion's options.
    numbers: further flags that take one, {name: help}.

    The command gets what was typed as keyword arguments, and only that: defaults are the record's business.
    """

    def decorate(command: Callable) -> Callable:
        own = [
            p
            for p in inspect.signature(command).parameters.values()
            if p.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        fields = [
            f
            for f in dataclasses.fields(Recipe)
            if f.name != "options" and (names is None or f.name in names)
        ]
        parameters = [_flag(f.name, f.type, _help(f)) for f in fields]
        parameters += [_flag(name, float, text) for name, text in (numbers or {}).items()]
        taken = {parameter.name for parameter in parameters}  # the recipe hands it to the criterion
        parameters += [_option_flag(name) for name in _option_names() if options and name not in taken]

        def typed(*words, **given):
            return command(*words, **{name: value for name, value in given.items() if value is not None})

        typed.__name__, typed.__doc__ = command.__name__, command.__doc__
        typed.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined] # cyclopts reads it
        return typed

    return decorate


def one(kind: Any, text: str) -> Any:
    """The type of a flag that takes one word, or none where it is a switch."""
    return Annotated[kind | None, Parameter(help=text, negative="", converter=converter_of(kind))]


def several(kind: Any, text: str) -> Any:
    """The type of a flag that takes several words."""
    parameter = Parameter(help=text, consume_multiple=True, negative="", converter=converter_of(kind, True))
    return Annotated[tuple[kind, ...] | None, parameter]


def converter_of(kind: Any, several: bool = False) -> Callable | None:
    """What reads a whole number, or several: cyclopts rounds 1.5 to 2. None: what cyclopts does."""
    if kind is not int and int not in get_args(kind):
        return None
    return whole_numbers if several else whole_number


def whole_numbers(_: Any, words: Sequence[Any]) -> tuple[int, ...]:
    for word in words:
        if not re.fullmatch(r"[+-]?\d+", word.value.strip()):
            raise CoercionError(token=word, target_type=int)
    return tuple(int(word.value) for word in words)


def whole_number(kind: Any, words: Sequence[Any]) -> int:
    return whole_numbers(kind, words)[-1]


def _flag(name: str, kind: Any, text: str) -> inspect.Parameter:
    # NAME=SHARE, one of those of which there may be several, is read by `shares`
    annotation = several(PLURAL[name], text) if name in PLURAL else one(kind, text)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _help(field: dataclasses.Field) -> str:
    shown = "" if field.default in ((), None) else f" [default: {field.default}]"
    return " ".join(filter(None, (field.metadata["help"], field.metadata["typed"]))) + shown


def _option_names() -> list[str]:
    return sorted({option for criterion in CRITERIA.values() for option in criterion.options})


def _option_flag(name: str) -> inspect.Parameter:
    """A criterion's option as a flag; its criterion reads it, so that one name may be two methods' own."""
    owners = [criterion for criterion in CRITERIA.values() if name in criterion.options]
    option = owners[0].options[name]
    kind = bool if option.kind is bool else str
    choices = f" ({'|'.join(option.choices)})" if option.choices else ""
    defaults = {owner.name: str(owner.options[name].default) for owner in owners}
    if len(set(defaults.values())) > 1:
        default = ", ".join(f"{owner} {value}" for owner, value in defaults.items())
    else:
        default = option.default
    text = f"{', '.join(defaults)}: {option.help}{choices} [default: {default}]"
    parameter = Parameter(help=text, group="Options of criteria")
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind | None, parameter]
    )


def as_flags(message: str) -> str:
    """An error's settings as they are typed: give repair=match -> give --repair match."""
    names = "|".join(sorted({*(f.name for f in dataclasses.fields(Recipe)), *_option_names()}, key=len)[::-1])
    return re.sub(rf"\b({names})=(true\b)?", lambda found: _typed(found[1], switch=bool(found[2])), message)


def _typed(name: str, *, switch: bool) -> str:
    """switch: given by its name alone."""
    return f"--{name.replace('_', '-')}{'' if switch else ' '}"


def recipe_of(given: dict[str, Any], base: Recipe | None = None) -> Recipe:
    """The recipe that typed flags make, on top of another one or of the defaults."""
    fields = {f.name for f in dataclasses.fields(Recipe)}
    options = {name: value for name, value in given.items() if name not in fields}
    told = {name: value for name, value in given.items() if name in fields}
    if "cut_group" in told:
        told["cut_group"] = shares(told["cut_group"])
    if base is None:
        return Recipe(**told, options=options)  # type: ignore[arg-type] # made a tuple there
    kept = dict(base.options) if given.get("criterion", base.criterion) == base.criterion else {}
    return base.but(**told, options=kept | options)


def recipe_of_run(
    out: Path | None, file: Path | None, resume: Path | None, given: dict[str, Any]
) -> tuple[Recipe, Path]:
    """What `run` was asked to do, and the folder it writes into. file: a recipe.json.   resume: the folder of
    a run that was ended while it trained."""
    if resume is not None:
        typed = [name for name, value in (("out", out), ("recipe", file)) if value is not None] + list(given)
        if typed:
            flag = typed[0].replace("_", "-")
            raise ValueError(f"--resume continues a run with its own settings; leave --{flag} out")
        return found_beside(_kept_recipe(resume), resume / STATE), resume
    if out is None:
        raise ValueError("run has no folder to write to; give --out FOLDER")
    base = None
    if file is not None:
        if not file.is_file():
            raise ValueError(f"there is no recipe {file}; give a recipe.json that run wrote")
        files = {name: given.pop(name) for name in ("checkpoint", "data") if name in given}
        base = replaced_upload(read_recipe(file), **files)
        base = found_beside(base, file.parent, given.pop("latency", None))
    asked = recipe_of(given, base)
    must_be_heard(asked, given)
    return asked, out


def _kept_recipe(folder: Path) -> Recipe:
    file = folder / STATE / "recipe.json"
    if not file.is_file():
        ended = ", since that run has ended" if (folder / "report.json").is_file() else ""
        raise ValueError(
            f"there is no run to continue in {folder}{ended}; give the --out folder of a run that was "
            "stopped after "
            "its first epoch"
        )
    return read_recipe(file)


def read_recipe(file: Path) -> Recipe:
    try:
        return Recipe.from_json(bounded_bytes(file))
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from None


def shares(words: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    pairs = []
    for word in words:
        name, equals, value = word.rpartition("=")
        try:
            pairs.append((name, float(value)))
        except ValueError:
            equals = ""
        if not equals or not name:
            raise ValueError(f"--cut-group got {word!r}; give NAME=SHARE, such as layer1.0.conv1=0.3")
    return tuple(pairs)


def must_not_be_empty(words: Sequence[str]) -> None:
    """Raises ValueError for a flag that got no text: as a path "" would be this folder."""
    for before, word in zip(["", *words], words, strict=False):
        flag, equals, value = word.partition("=")
        if not word or (flag.startswith("--") and equals and not value):
            named = flag or (before if before.startswith("--") else "a word")
            raise ValueError(f"{named} is empty; give a value, or leave it out")


def typed_wrongly(error: CycloptsError, commands: Iterable[str]) -> str:
    """What cyclopts found wrong, with what would be right."""
    if isinstance(error, UnknownCommandError) and error.unused_tokens:
        try:
            choose(error.unused_tokens[0], commands, "command")
        except ValueError as told:
            return str(told)
    wanted = {"into float": "; give a number, such as 0.5", "into int": "; give a whole number, such as 1"}
    message = str(error).rstrip(".")
    return message + "".join(hint for words, hint in wanted.items() if words in message)
