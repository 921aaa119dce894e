"""The files of a data set at a path, in a folder or in a .zip, each read when it is asked for."""

import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath

from pruning.data.picture_files import not_an_image

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "PPM", "TIFF", "GIF")
LARGEST = 4 * 2**30  # bytes of all files of a .zip together
LARGEST_FILE = 64 * 2**20  # bytes of one image file
LARGEST_IMAGE = 2**26  # pixels of one image: 201 MB decoded
BY_SYSTEMS = {"Thumbs.db", "desktop.ini", "__MACOSX"}  # what systems leave in folders, beside hidden files


@dataclass(frozen=True)
class DataFile:
    """A file that can be read: place is its path inside the data set."""

    place: PurePosixPath
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Listing:
    """What a data set consists of. files: sorted by place.   folders: those that are there, so that an empty
    one is noticed."""

    name: str
    files: list[DataFile]
    folders: list[PurePosixPath]

    def below(self, root: PurePosixPath) -> "Listing":
        """What lies in one of its folders, seen from there."""
        files = [
            DataFile(file.place.relative_to(root), file.read)
            for file in self.files
            if file.place.is_relative_to(root)
        ]
        folders = [p.relative_to(root) for p in self.folders if p.is_relative_to(root) and p != root]
        return Listing(self.name, files, folders)

    @property
    def wrapper(self) -> PurePosixPath:
        """The one folder around everything, as packing a folder leaves it; else the top."""
        tops = {file.place.parts[:1] if len(file.place.parts) > 1 else () for file in self.files}
        return PurePosixPath(*tops.pop()) if len(tops) == 1 else PurePosixPath()


def folder_listing(path: Path) -> Listing:
    """Of a folder on this machine, links followed. Raises ValueError for a link that leads nowhere."""
    places = [(PurePosixPath(file.relative_to(path).as_posix()), file) for file in walked(path)]
    files = [DataFile(place, file.read_bytes) for place, file in places if file.is_file()]
    return Listing(path.name, files, [place for place, file in places if file.is_dir()])


def walked(folder: Path, around: tuple[Path, ...] = ()) -> Iterator[Path]:
    """All files and folders below one that are a user's, sorted, through links. around: the folders that
    this one is in. Raises ValueError for a link that leads nowhere or back."""
    around = (*around, folder.resolve())
    for entry in sorted(folder.iterdir()):
        if not is_ours(PurePosixPath(entry.name)):
            continue
        if not entry.exists():
            raise ValueError(f"{entry} is a link to what is not there; mend or remove it")
        yield entry
        if entry.is_dir():
            if entry.is_symlink() and entry.resolve() in around:
                raise ValueError(f"{entry} is a link to a folder that it lies in; remove it")
            yield from walked(entry, around)


@contextmanager
def zip_listing(path: Path) -> Iterator[Listing]:
    """Of a .zip, read entry by entry while this is open: nothing is unpacked anywhere.

    Raises ValueError in one sentence if names lead out of it, entries are links, encrypted or far too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            check_entries(path.name, entries)
            places = [(PurePosixPath(entry.filename), entry) for entry in entries]
            ours = sorted((pair for pair in places if is_ours(pair[0])), key=lambda pair: pair[0])
            files = [
                DataFile(place, partial(archive.read, entry)) for place, entry in ours if not entry.is_dir()
            ]
            yield Listing(path.name, files, [place for place, entry in ours if entry.is_dir()])
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError, zlib.error):
        raise ValueError(
            f"{path.name} is no whole .zip file; give a .zip of class folders, or of images/ and masks/"
        ) from None


def check_entries(source: str, entries: Iterable[zipfile.ZipInfo]) -> None:
    total = 0
    for entry in entries:
        name, place = entry.filename, PurePosixPath(entry.filename)
        if place.is_absolute() or ".." in place.parts or "\\" in name or PureWindowsPath(name).drive:
            raise ValueError(
                f"{source} has an entry {name!r} that leads out of it; give a .zip of folders of images"
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ValueError(f"{source} has a link, {name!r}; give a .zip with the images themselves")
        if entry.flag_bits & 1:
            raise ValueError(f"{source} is encrypted; give a .zip without a password")
        if entry.file_size > LARGEST_FILE:
            raise ValueError(
                f"{name!r} in {source} is larger than {LARGEST_FILE // 2**20} MiB; give smaller images"
            )
        total += entry.file_size
    if total > LARGEST:
        raise ValueError(
            f"{source} unpacks to more than {LARGEST // 2**30} GiB; give fewer or smaller images"
        )


def is_ours(place: PurePosixPath) -> bool:
    return not any(part.startswith(".") or part in BY_SYSTEMS for part in place.parts)


def opened(file: DataFile, content: bytes | None = None):
    """A Pillow image whose header was read and whose size is within limits. content: what was read of it."""
    from PIL import Image, UnidentifiedImageError

    try:
        image = Image.open(BytesIO(content or file.read()), formats=FORMATS)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError):
        raise not_an_image(file.place) from None
    if image.width * image.height > LARGEST_IMAGE:
        raise ValueError(
            f"{file.place} has {image.width} x {image.height} pixels; give images of at most 67 megapixels"
        )
    return image
