"""The step of a build that puts the app's files, at the top of a checkout, into the package.

All else is said in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TOP = Path(__file__).resolve().parent
INSTALLED = Path("pruning", "app_files")  # where pruning/places.py looks
FILES = ("app.py", "pages/*.py", "assets/**/*", ".streamlit/config.toml")


class WithApp(build_py):
    def run(self):
        super().run()
        if not self.editable_mode:  # an editable package finds them where they are
            for place, source in self.app_files().items():
                Path(place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, place)

    def app_files(self) -> dict[str, Path]:
        """{where a file goes: where it stands}."""
        found = [path for pattern in FILES for path in sorted(TOP.glob(pattern)) if path.is_file()]
        return {str(Path(self.build_lib, INSTALLED, path.relative_to(TOP))): path for path in found}

    def get_outputs(self, include_bytecode=True):
        return super().get_outputs(include_bytecode) + list(self.app_files())


setup(cmdclass={"build_py": WithApp})
