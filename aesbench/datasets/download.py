"""Finding official files: in the folder the user names, or downloaded once into the cache."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from aesbench.core.files import DAMAGED
from aesbench.errors import DataError


def existing_files(
    folder: str, data_dir: Path, url: str, *layouts: Mapping[str, str], also: Sequence[str] = ()
) -> dict[str, Path]:
    """Find one of several layouts {role: file} in ``data_dir/folder`` or in ``data_dir`` itself.

    ``also`` are other names of the folder, such as the archive's.

    Raises:
        DataError: no layout is complete; the message says what to put where.
    """
    for names in layouts:
        found = _find(names, *(data_dir / name for name in (folder, *also)), data_dir)
        if found is not None:
            return found
    lacking = [
        ", ".join(name for name in names.values() if not (data_dir / folder / name).is_file())
        for names in layouts
    ]
    raise DataError(
        f"{data_dir / folder} lacks {', or else '.join(lacking)}; unpack {url} there, or leave out"
        " --data-dir to download it"
    )


def files_by_hand(
    folder: str,
    data_dir: Path | None,
    cache: Path,
    url: str,
    *layouts: Mapping[str, str],
    reason: str = "its owner hands it out to registered users only, so aesbench cannot download it",
) -> dict[str, Path]:
    """Find one of several layouts {role: file} that the user has to fetch, for this reason.

    Looks in ``data_dir/folder`` and in ``data_dir`` itself, without it in ``cache/raw/folder``.

    Raises:
        DataError: no layout is complete; the message says what to put where.
    """
    place = cache / "raw" / folder if data_dir is None else data_dir / folder
    for names in layouts:
        found = _find(names, place, *([] if data_dir is None else [data_dir]))
        if found is not None:
            return found
    wanted = ", or else ".join(", ".join(names.values()) for names in layouts)
    raise DataError(
        f"{place} lacks {wanted}; {reason}: fetch it from {url}, put it there, or name the folder"
        f" that holds {folder}/ with --data-dir"
    )


def _find(names: Mapping[str, str], *places: Path) -> dict[str, Path] | None:
    """Return {role: path} in the first place that has all the files, or None."""
    for place in places:
        found = {role: place / name for role, name in names.items()}
        if all(path.is_file() for path in found.values()):
            return found
    return None


def download_zip(
    names: Mapping[str, str],
    folder: str,
    url: str,
    checksum: str,
    cache: Path,
    *,
    inside: str | None = None,
) -> dict[str, Path]:
    """Download an archive on first use and take ``names`` {role: file} out of it.

    Args:
        names: the files.
        folder: their folder in the cache.
        url: the archive.
        checksum: of the archive, as ``md5:...`` or ``sha256:...``.
        cache: where downloads go.
        inside: the files' folder in the archive if that is another, "" for none.

    Raises:
        DataError: it cannot be downloaded, or is not the archive it should be; the message says
            where to put the files by hand.
    """
    raw = cache / "raw"
    found = _find(names, raw / folder)
    if found is None:
        archive = Path(url).name
        with _explained(url, ", ".join(names.values()), folder, raw):
            _retrieve(url, checksum, raw / archive)
            _extract(
                raw / archive, folder if inside is None else inside, names.values(), raw / folder
            )
        found = {role: raw / folder / name for role, name in names.items()}
    return found


def download_file(name: str, folder: str, url: str, checksum: str, cache: Path) -> Path:
    """Download a file on first use into its ``folder`` in the cache; arguments as ``download_zip``.

    Raises:
        DataError: it cannot be downloaded, or is not the file it should be; the message says where
            to put it by hand.
    """
    raw = cache / "raw"
    path = raw / folder / name
    if not path.is_file():
        with _explained(url, name, folder, raw):
            _retrieve(url, checksum, path)
    return path


@contextmanager
def _explained(url: str, files: str, folder: str, raw: Path) -> Iterator[None]:
    """Turn what goes wrong with a download into an error that says what to do."""
    try:
        yield
    # requests' errors are OSErrors; pooch reports a wrong checksum as a ValueError.
    except (*DAMAGED, ValueError, KeyError) as error:
        raise DataError(
            f"cannot download {url} ({type(error).__name__}: {error}); fetch it by other means,"
            f" put {files} into a folder {folder}/ and name the folder that holds it with"
            f" --data-dir, or put {folder}/ into {raw}"
        ) from error


def _retrieve(url: str, checksum: str, path: Path) -> None:
    """Download to ``path``, which appears only if its checksum is the expected one."""
    import pooch

    bar = _Bar(path.name)
    try:
        pooch.retrieve(
            url,
            known_hash=checksum,
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(progressbar=bar),
        )
    finally:
        bar.close()


def _extract(archive: Path, inside: str, names: Iterable[str], folder: Path) -> None:
    """Take files out of an archive's folder; each appears under its name only when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive) as opened:
        for name in names:
            target = folder / name
            partial = target.with_name(f".{target.name}.{os.getpid()}")
            partial.write_bytes(opened.read(f"{inside}/{name}" if inside else name))
            partial.replace(target)


class _Bar:
    """The progress bar that pooch drives, drawn by rich on the error stream."""

    def __init__(self, title: str) -> None:
        self.total = 0
        self._progress = Progress(
            "{task.description}",
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(title, total=None)

    def update(self, size_bytes: int) -> None:
        """Move on by so many bytes; pooch has set ``total`` before the first of them."""
        self._progress.start()
        self._progress.update(self._task, total=self.total or None, advance=size_bytes)

    def reset(self) -> None:
        """Go back to nothing."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Stop drawing."""
        self._progress.stop()
