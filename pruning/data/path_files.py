"""The files of a data set at a path, in a folder or in a .zip, each read when it is asked for."""

import stat
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from pathlib import Path, PurePosixPath, PureWindowsPath

from pruning.data.picture_files import DAMAGED, not_an_image
from pruning.untrusted.zips import opened_zip, shortened

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "PPM", "TIFF", "GIF")
LARGEST = 4 * 2**30  # bytes of all files of a .zip together
LARGEST_FILE = 64 * 2**20  # bytes of one image file
LARGEST_IMAGE = 40 * 10**6  # pixels of one image; measured: decoding it takes 195 to 413 MiB
LARGEST_WEBP = 24 * 10**6  # of that format, which takes 16 bytes a pixel
LONGEST_SIDE = 100  # times the shorter one, which is scaled to the size asked for
LONGEST_NAME = 1000  # letters of a file's path in a .zip
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
    files = [DataFile(place, partial(read_whole, file)) for place, file in places if file.is_file()]
    return Listing(path.name, files, [place for place, file in places if file.is_dir()])


def read_whole(file: Path) -> bytes:
    """Raises ValueError for one that is too large for an image."""
    if file.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{file} is larger than {LARGEST_FILE // 2**20} MiB; give smaller images")
    return file.read_bytes()


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
        with opened_zip(path, LARGEST) as archive:
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
    for entry in entries:
        name, place = shortened(entry.filename), PurePosixPath(entry.filename)
        if any(letter < " " or letter == "\x7f" for letter in entry.filename):
            raise ValueError(f"{source} has an entry {name} with control characters; give it another name")
        if len(entry.filename) > LONGEST_NAME:
            raise ValueError(
                f"{source} has an entry {name} of over {LONGEST_NAME} letters; give shorter names"
            )
        if (
            place.is_absolute()
            or ".." in place.parts
            or "\\" in entry.filename
            or PureWindowsPath(entry.filename).drive
        ):
            raise ValueError(
                f"{source} has an entry {name} that leads out of it; give a .zip of folders of images"
            )
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise ValueError(f"{source} has a link, {name}; give a .zip with the images themselves")
        if entry.flag_bits & 1:
            raise ValueError(f"{source} is encrypted; give a .zip without a password")
        if entry.file_size > LARGEST_FILE:
            raise ValueError(
                f"{name} in {source} is larger than {LARGEST_FILE // 2**20} MiB; give smaller images"
            )


def is_ours(place: PurePosixPath) -> bool:
    return not any(part.startswith(".") or part in BY_SYSTEMS for part in place.parts)


@cache
def warn_of_no_size():
    """Pillow warns on standard error of images that are refused here anyway."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def opened(file: DataFile, content: bytes | None = None):
    """A Pillow image whose header was read and whose size is within limits. content: what was read of it."""
    from PIL import Image

    warn_of_no_size()
    right = f"give images of at most {LARGEST_IMAGE // 10**6} megapixels ({LARGEST_WEBP // 10**6} in WebP)"
    try:
        image = Image.open(BytesIO(content or file.read()), formats=FORMATS)
    except Image.DecompressionBombError:
        raise ValueError(f"{file.place} has too many pixels; {right}") from None
    except DAMAGED:
        raise not_an_image(file.place) from None
    (longer, shorter), size = (max(image.size), min(image.size)), f"{image.width} x {image.height} pixels"
    if image.width * image.height > (LARGEST_WEBP if image.format == "WEBP" else LARGEST_IMAGE):
        raise ValueError(f"{file.place} has {size}; {right}")
    if longer > LONGEST_SIDE * shorter:
        raise ValueError(
            f"{file.place} has {size}; give images that are at most {LONGEST_SIDE} times as long as wide"
        )
    return image
