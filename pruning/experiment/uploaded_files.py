"""Files that the app was given, which a recipe names by digest: found again, or asked for."""

import hashlib
import os
from pathlib import Path

from pruning.experiment.recipe import Recipe

UPLOADS = "PRUNING_UPLOADS"  # a folder that holds <digest>/<name> of what the app was given


def place_of(field: str) -> Path | None:
    """Where a field's file is: a path as it stands, an upload where it was kept; None where there is none."""
    if not field.startswith("sha256:"):
        return Path(field) if os.path.exists(field) else None
    digest, _, name = field.removeprefix("sha256:").partition("#")
    folder = os.environ.get(UPLOADS)
    path = Path(folder) / digest / Path(name).name if folder and digest.isalnum() else None
    return path if path is not None and os.path.isfile(path) else None


def located(field: str, flag: str) -> str:
    """A field as a name or path; for an upload (sha256:DIGEST#NAME) the file that was kept, its digest
    checked.

    Raises ValueError that asks for the file by its name where it is gone."""
    if not field.startswith("sha256:"):
        return field
    digest, _, name = field.removeprefix("sha256:").partition("#")
    path = place_of(field)
    if path is None or file_digest(path) != digest:
        raise ValueError(f"this recipe was made with the file {name}; give it again as {flag}=FILE")
    return str(path)


def file_digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def replaced_upload(recipe: Recipe, **files: str | None) -> Recipe:
    """The recipe with its checkpoint or data read from the given files; where it names an upload by digest,
    the file has to be that very one (ValueError otherwise)."""
    changes = {}
    for field, file in files.items():
        if file is None:
            continue
        asked = getattr(recipe, field)
        if asked and asked.startswith("sha256:"):
            digest, _, name = asked.removeprefix("sha256:").partition("#")
            if not Path(file).is_file() or file_digest(file) != digest:
                raise ValueError(
                    f"{file} is not the file {name} that this recipe was made with; give that file"
                )
        changes[field] = file
    return recipe.but(**changes)
