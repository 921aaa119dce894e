"""Writing a network in a format: made beside its place, checked against the network, timed, and only then put
there."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from pruning.export.comparison import Check, beside, compared
from pruning.export.formats import FORMATS, Format, usable_format
from pruning.export.subject import Run, Subject
from pruning.progress import Watch, silent

UNCLOSE = "what {title} answers differs from the network by up to {difference:.1e}, so nothing was written"
UNLIKE = (
    "in {title} only {same:,} of {of:,} answers are the network's, so nothing was written; give another one"
)


@dataclass(frozen=True)
class Exported:
    """Files that were made and checked. paths: the one that is opened first, first.   bytes: of each.
    check: against the network.   other_bytes, milliseconds: with a whole network, bytes of its files and
    {images at once: {"baseline": ms, "final": ms}}; of a format that rounds also of the pruned network as
    ONNX, "unrounded".   runtime, threads: what was timed.   values: of one that rounds, the task's metric on
    the images of the check, {"metric": name, "unrounded": .., "final": ..}."""

    format: Format
    paths: tuple[Path, ...]
    bytes: tuple[int, ...]
    check: Check
    runtime: str
    threads: int
    other_bytes: Mapping[str, int] | None = None
    milliseconds: Mapping[str, Mapping[str, float]] | None = None
    values: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As report.json tells it."""
        return {
            "format": self.format.name,
            "files": {path.name: size for path, size in zip(self.paths, self.bytes, strict=True)},
            "bytes": {"baseline": None, **(self.other_bytes or {}), "final": sum(self.bytes)},
            **self.check.to_dict(),
            "milliseconds": self.milliseconds and {size: dict(ms) for size, ms in self.milliseconds.items()},
            "runtime": self.runtime,
            "threads": self.threads,
            **({"values": dict(self.values)} if self.values else {}),
        }


def write_checked(
    name: str, subject: Subject, path: Path, *, whole: Subject | None = None, watch: Watch = silent
) -> Exported:
    """Writes a network in the format of this name.

    path: of the file that is opened first; others of the format lie beside it.   whole: the network that it
    was cut from, to be timed and weighed beside it.
    Raises ValueError in one sentence where a package is missing, the network can't be written in that format,
    the file answers something else, or its place can't be written to; then nothing is written.
    """
    form = usable_format(name)
    module = import_module(f"pruning.export.{form.module}")
    try:
        with tempfile.TemporaryDirectory(dir=_existing(path.parent), prefix=".writing-") as scratch:
            made = _made(form, module, subject, Path(scratch, path.name), watch)
            sizes, weighed = {}, {}
            if whole is not None:
                weighed = _weighed(form, subject, whole, made[0], watch)
            path.parent.mkdir(parents=True, exist_ok=True)
            if taken := next((file.name for file in made[1] if (path.parent / file.name).is_dir()), None):
                raise ValueError(f"{path.parent / taken} is a folder; give another place")
            for file in made[1]:
                sizes[path.parent / file.name] = file.stat().st_size
                os.replace(file, path.parent / file.name)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); give another place") from error
    told = (made[2], module.runtime(), torch.get_num_threads())
    return Exported(form, tuple(sizes), tuple(sizes.values()), *told, **weighed)


def _made(form: Format, module: ModuleType, subject: Subject, path: Path, watch: Watch):
    """What runs the file, its files, and the Check, passed."""
    watch("export", 0, 1, message=f"writing {form.title}")
    files = module.write(subject, path)
    run = module.opened(files[0])
    check = compared(subject, run, watch)
    if form.exact and not check.close:
        raise ValueError(UNCLOSE.format(title=form.title, difference=check.difference))
    if not (form.exact or check.alike):
        raise ValueError(UNLIKE.format(title=form.title, same=check.same, of=check.of))
    return run, files, check


def _weighed(form: Format, subject: Subject, whole: Subject, run: Run, watch: Watch) -> dict[str, Any]:
    """Bytes and milliseconds beside the whole network's in the same runtime; and of a format that rounds,
    beside the unrounded network's."""
    plain = form if form.exact else FORMATS["onnx"]
    module = import_module(f"pruning.export.{plain.module}")
    others = {"baseline": whole} if form.exact else {"baseline": whole, "unrounded": subject}
    sizes, runs = {}, {}
    with tempfile.TemporaryDirectory(prefix="pruning-whole-") as scratch:
        for name, each in others.items():
            watch("export", 0, 1, message="writing the full network")
            files = module.write(each, Path(scratch, f"{name}{plain.endings[0]}"))
            sizes[name] = sum(file.stat().st_size for file in files)
            runs[name] = module.opened(files[0])
        times = beside(runs | {"final": run}, list(whole.inputs.values()), watch)
    return {"other_bytes": sizes, "milliseconds": times}


def _existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there; absolute, since a format may be tried elsewhere."""
    return next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
