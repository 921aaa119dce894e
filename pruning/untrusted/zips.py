"""A .zip that nobody vouches for, opened once what it declares has been checked; nothing is unpacked here."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENTRIES = 200_000  # a data set of so many pictures; its listing takes 0.3 GB
DIRECTORY = 24 * 2**20  # bytes of the list of entries at the end: 120 for each of them
RATIO = 100  # unpacked to packed, of all entries together; masks in an .npz have 30
SMALL = 64 * 2**20  # bytes that may have any ratio
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class WrongZip(ValueError):
    """A .zip that is whole, and is not read for what it declares."""


class Bounded(io.BufferedReader):
    """A file of which no single read takes more than `most` bytes while that is set: zipfile reads the list
    of entries at once, and makes an object of each, before anybody can count them."""

    most: int | None = None

    def read(self, size: int | None = -1) -> bytes:
        if self.most is not None and size is not None and size > self.most:
            raise WrongZip(f"lists more than {ENTRIES:,} files; give fewer, in a folder of this machine, say")
        return super().read(size)


@contextmanager
def opened_zip(path: Path, most: int) -> Iterator[zipfile.ZipFile]:
    """most: bytes that all entries together may unpack to.

    Raises WrongZip in one sentence for too many entries, too large ones, more of them than the file has room
    for, and kinds of compression that need much memory; zipfile's own errors where it is no whole .zip."""
    with Bounded(io.FileIO(path)) as file:
        file.most = DIRECTORY
        try:
            archive = zipfile.ZipFile(file)
            check_entries(archive.infolist(), path.stat().st_size, most)
        except WrongZip as error:
            raise WrongZip(f"{path.name} {error}") from None
        file.most = None
        with archive:
            yield archive


def check_entries(entries: list[zipfile.ZipInfo], size: int, most: int):
    """size: of the file, bytes."""
    if len(entries) > ENTRIES:
        raise WrongZip(f"lists {len(entries):,} files; give at most {ENTRIES:,}")
    for entry in entries:
        stored = entry.compress_type == zipfile.ZIP_STORED
        if entry.compress_type not in PACKED:
            raise WrongZip("is compressed in an unusual way; give a .zip that is stored or deflated")
        if stored and entry.file_size != entry.compress_size:
            raise WrongZip(
                f"has an entry, {shortened(entry.filename)}, that declares another size than it has"
            )
    packed = sum(entry.compress_size for entry in entries)
    unpacked = sum(entry.file_size for entry in entries)
    if packed > size:
        raise WrongZip("declares entries that together are larger than the file; give one that is whole")
    if unpacked > most:
        raise WrongZip(f"unpacks to more than {in_words(most)}; give fewer or smaller images")
    if unpacked > SMALL and unpacked > RATIO * size:
        raise WrongZip(
            f"unpacks to {unpacked // size:,} times its size, {in_words(unpacked)}; give images, which "
            f"unpack to less than {RATIO} times theirs"
        )


def in_words(size: int) -> str:
    """Bytes as people say them."""
    return f"{size / 2**30:.3g} GiB" if size >= 2**30 else f"{max(1, round(size / 2**20))} MiB"


def shortened(name: str, most: int = 80) -> str:
    """A name out of a file, quoted, for one line of a message."""
    return repr(name if len(name) <= most else f"{name[: most - 3]}...")
