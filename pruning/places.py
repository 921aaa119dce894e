"""Where app.py, pages/ and assets/ are: beside the package in a checkout, inside it where it is installed,
since setup.py puts them there."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = PACKAGE / "app_files"
APP = INSTALLED if INSTALLED.is_dir() else PACKAGE.parent
ASSETS = APP / "assets"
