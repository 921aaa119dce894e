"""How every report begins, by which this program knows a file as one that it wrote."""

from pathlib import Path

# No script, no request: a browser that opens the file is told so, whatever stands in it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
BEGINNING = '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
BEGINNING += f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'


def is_ours(file: Path) -> bool:
    """Whether a file is a report that this program has written."""
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(BEGINNING)) == BEGINNING.encode()
