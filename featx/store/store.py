"""One store for all that is kept: entries that are whole or absent under their keys."""

from __future__ import annotations

import os
import shutil
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from featx.errors import CacheError, FeatxWarning, unknown_name
from featx.store.checksums import damage
from featx.store.entries import KINDS, Entry, choose, look_at
from featx.store.folders import (
    cache_errors,
    default_cache_dir,
    finish_folder,
    partial_folder,
    read_manifest,
    whole_folder,
)
from featx.store.locks import remove_entry, sole_maker
from featx.system import when_free

Progress = Callable[[str, int, int], None]
Made = TypeVar("Made")
Read = Callable[[Path, dict[str, Any]], Made]  # folder and manifest -> what is there


class Store:
    """Entries on disk, each whole or absent under the key that names its content.

    Parameters
    ----------
    folder : str or Path, default=None
        Where to keep them; ``FEATX_CACHE`` or the system's cache folder by default.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder)
    ...     with store.new_entry("rows", "f" * 64, {"what": "a test"}) as work:
    ...         _ = (work / "note").write_text("kept")
    ...     entry = store.entries()[0].what
    ...     entry, store.get("rows", "f" * 64, lambda f, _: (f / "note").read_text())
    ('a test', 'kept')
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder is not None else default_cache_dir()

    def path(self, kind: str, key: str) -> Path:
        """Folder of an entry, whether it is there or not."""
        if kind not in KINDS:  # it would never be listed, checked or removed
            raise unknown_name("kind of entry", kind, KINDS)
        return self.folder / kind / key

    def get(self, kind: str, key: str, read: Read[Made]) -> Made | None:
        """Read an entry; None if it is not there.

        A FileNotFoundError in `read` means that another process has just removed it. One
        that is damaged or cannot be read is a CacheError.
        """
        folder = self.path(kind, key)
        manifest = read_manifest(folder)
        if manifest is not None:
            with cache_errors(folder), suppress(FileNotFoundError):
                return read(folder, manifest)
        return None

    @contextmanager
    def new_entry(
        self, kind: str, key: str, manifest: Mapping[str, Any]
    ) -> Iterator[Path]:
        """Fill an entry out of sight; it appears whole or not at all, or is there already.

        The block gets an empty folder, and may add to
        the manifest: plain data, with ``"what"`` the entry holds, for people. A cache that
        cannot be written is a CacheError.
        """
        final = self.path(kind, key)
        with cache_errors(final.parent):
            final.parent.mkdir(parents=True, exist_ok=True)
            work = Path(tempfile.mkdtemp(prefix=f".{key[:16]}-", dir=final.parent))
        try:
            yield work
            with cache_errors(final.parent):
                finish_folder(work, final, manifest)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    @contextmanager
    def keep_entry(
        self, kind: str, key: str, manifest: Mapping[str, Any]
    ) -> Iterator[Path]:
        """As `new_entry`, under the lock: what a killed process had begun is removed."""
        with (
            sole_maker(self.path(kind, key), f"keep {kind}", None),
            self.new_entry(kind, key, manifest) as work,
        ):
            yield work

    def get_or_make(
        self,
        kind: str,
        key: str,
        what: str,
        read: Read[Made],
        make: Callable[[], Made],
        write: Callable[[Path, Made], object],
    ) -> Made:
        """Read an entry of what can be made again; make and keep it, if it is not there.

        Several processes may make it at once. Where the cache cannot be written, it is
        made every time; a damaged entry is a CacheError. `write` gets a folder to fill, and
        what was made; `what` that is, for people.
        """
        found = self.get(kind, key, read)
        if found is not None:
            return found
        made = make()
        with (
            suppress(CacheError),
            self.keep_entry(kind, key, {"what": what}) as work,
            cache_errors(work.parent),
        ):
            write(work, made)
        return made

    def get_or_make_alone(
        self,
        kind: str,
        key: str,
        task: str,
        read: Read[Made],
        make: Callable[[], Made],
        progress: Progress | None = None,
        *,
        replace_damaged: bool = False,
    ) -> Made:
        """Read an entry; if it is not there, make it while other processes wait for it.

        `make` keeps the entry and returns what `read` would; nobody removes it before
        that is over. Those who wait are told for which `task`. With `replace_damaged`, an
        entry that cannot be read is one that is not there, else a CacheError.
        """
        get = self._get_undamaged if replace_damaged else self.get
        found = get(kind, key, read)
        if found is None:
            folder = self.path(kind, key)
            with sole_maker(folder, task, progress):
                found = get(kind, key, read)  # another process may have made it
                if found is None:
                    if replace_damaged and folder.exists():
                        with cache_errors(folder.parent):
                            when_free(shutil.rmtree, folder)
                    found = make()
        return found

    def _get_undamaged(self, kind: str, key: str, read: Read[Made]) -> Made | None:
        try:
            return self.get(kind, key, read)
        except (CacheError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def entries(self) -> list[Entry]:
        """List what is in the cache, oldest first, but for what others remove meanwhile.

        Raises
        ------
        CacheError
            If the folder is no folder, or cannot be looked into.
        """
        with cache_errors(self.folder), suppress(FileNotFoundError):
            os.scandir(self.folder).close()
        found = {}
        for kind in KINDS:
            for folder in sorted((self.folder / kind).glob("[!.]*")):
                # a part may just have got its name
                entry = look_at(folder) or look_at(whole_folder(folder))
                if entry:
                    found[kind, entry.key, entry.complete] = entry
        return sorted(found.values(), key=lambda entry: entry.created)

    def remove(self, key: str) -> list[Entry]:
        """Remove the entries whose key begins with `key`, at least 4 digits.

        What was removed is returned. An entry that another process is making stays, on
        Windows also one that it uses, and a `FeatxWarning` says so.

        Raises
        ------
        ParameterError
            If the key is too short or no entry begins with it.
        CacheError
            If an entry cannot be removed.
        """
        return self._remove(choose(self.entries(), key))

    def verify(
        self, keys: Sequence[str] = (), *, progress: Progress | None = None
    ) -> list[tuple[Entry, list[str]]]:
        """Read every byte of whole entries and find those that are not as written.

        Parameters
        ----------
        keys : sequence of str, default=()
            Beginnings of the keys to look at; all by default.
        progress : callable, default=None
            Called with a description, the entries done and the entries in all.

        Returns
        -------
        list of (Entry, list of str)
            The damaged entries, and for each what is wrong with it. Those that other
            processes remove meanwhile are left out.

        Raises
        ------
        ParameterError
            If no entry begins with one of the keys.
        """
        entries = self.entries()
        for key in keys:
            choose(entries, key)
        whole = [
            entry
            for entry in entries
            if entry.complete and (not keys or entry.key.startswith(tuple(keys)))
        ]
        found = []
        for number, entry in enumerate(whole):
            if progress:
                progress("verify", number, len(whole))
            with cache_errors(self.folder), suppress(FileNotFoundError):
                if wrong := damage(self._folder_of(entry)):
                    found.append((entry, wrong))
        if progress:
            progress("verify", len(whole), len(whole))
        return found

    def prune(
        self,
        *,
        max_size: int | None = None,
        older_than: timedelta | None = None,
        dry_run: bool = False,
    ) -> list[Entry]:
        """Remove what was not used for long, or for longest; return it in that order.

        Entries that other processes are making stay, on Windows also those that they use,
        and a `FeatxWarning` says so.

        Parameters
        ----------
        max_size : int, default=None
            Bytes that may stay; entries go in the order of their last use.
        older_than : timedelta, default=None
            Entries go that were not used for so long.
        dry_run : bool, default=False
            Remove nothing, only say what would go.
        """
        entries = sorted(self.entries(), key=lambda entry: entry.used)
        left = sum(entry.size for entry in entries)
        now = datetime.now(UTC)
        chosen = []
        for entry in entries:
            unused = now - datetime.fromisoformat(entry.used)
            too_old = older_than is not None and unused > older_than
            if too_old or (max_size is not None and left > max_size):
                chosen.append(entry)
                left -= entry.size
        return chosen if dry_run else self._remove(chosen)

    def _folder_of(self, entry: Entry) -> Path:
        folder = self.path(entry.kind, entry.key)
        return folder if entry.complete else partial_folder(folder)

    def _remove(self, chosen: Sequence[Entry]) -> list[Entry]:
        """Remove entries; say which stay, but for what others removed meanwhile."""
        removed = [entry for entry in chosen if remove_entry(self._folder_of(entry))]
        gone = set(removed)
        kept = [
            f"{entry.kind} {entry.key[:12]}"
            for entry in chosen
            if entry not in gone and self._folder_of(entry).exists()
        ]
        if kept:
            more = ", ..." if len(kept) > 3 else ""
            warnings.warn(
                f"Got {len(kept)} of {len(chosen)} entries that another process is making "
                f"or using ({', '.join(kept[:3])}{more}); they stay. Run this again when "
                "it ends.",
                FeatxWarning,
                stacklevel=3,
            )
        return removed
