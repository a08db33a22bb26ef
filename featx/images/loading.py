"""The door to all image sources: a name, a folder, a shard or an .npz file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from featx.catalog import NAMED
from featx.errors import DataError, MissingDataError, ParameterError
from featx.images.backends import Folder, LocalFolder, is_shard, list_file, list_remote
from featx.images.folder import load_folder
from featx.images.imageset import Dataset
from featx.images.named import load_named
from featx.images.npz import load_npz
from featx.images.options import Options, Progress, silent
from featx.images.tables import is_label_table, is_text_table
from featx.remote import is_remote
from featx.store import Store
from featx.workers import make_executor


def load_dataset(
    source: str | os.PathLike[str] = "digits",
    *,
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    size: int | tuple[int, int] | None = None,
    longest_side: int | str | None = "auto",
    fit: str = "stretch",
    device: str = "auto",
    limit: int | None = None,
    keep: Mapping[str, float] | None = None,
    seed: int = 0,
    validation_fraction: float = 0.1,
    columns: Mapping[str, str] | None = None,
    group_by: str | None = None,
    unlabeled: str | os.PathLike[str] | bool = True,
    need_labels: bool = True,
    split: bool = True,
    engine: str = "local",
    address: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load images from a name, a folder, a shard or an ``.npz`` file.

    Parameters
    ----------
    source : str or path-like, default="digits"
        A name in `NAMED`, a folder (``CLASS/*.png`` or ``train/CLASS/*``,
        ``test/CLASS/*``, optionally ``val/``), an ``.npz`` file (``X_train``,
        ``y_train``, ``X_test``, ``y_test``), or shards: a WebDataset tar (``KEY.jpg``,
        ``KEY.cls``), a Parquet table (a column of image files, one of labels), or a
        folder of them (``train-*.tar``, ``test-*.tar``); or a table of labels, as CSV or
        Parquet, with the columns ``file_name`` (relative to it) and ``label`` and, where
        wanted, ``group`` and ``split``, which a folder may also hold as ``metadata.csv``.
        All may be URLs that fsspec
        knows, such as ``s3://bucket/images``. A name wins over a folder of that name;
        write ``./digits`` for the folder.
    data_dir : str or Path, optional
        Where named sets are downloaded to; by default the user's data folder.
    cache_dir : str or Path, optional
        Where the decoded images of a folder are kept, below ``images/``; by default
        ``FEATX_CACHE`` or the system's cache folder.
    size : int or tuple of int, optional
        Height and width to resize to. By default a size is chosen from those that the
        images have, never above them.
    longest_side : int, "auto" or None, default="auto"
        Most pixels of the longer side where `size` is not given; ``"auto"`` depends on
        the number of images and the device, None is no limit.
    fit : {"stretch", "pad", "crop"}, default="stretch"
        What becomes of images in another shape than most: they are stretched, padded
        with the color of their border, or cropped to their middle.
    device : str, default="auto"
        Where encoders will run; where a GPU is named, images may be larger.
    limit : int, optional
        At most that many training images (validation part included) and at most that
        many test images, classes in proportion.
    keep : mapping of str to float, optional
        Fraction in (0, 1] of the training images to keep, by class name. Test images
        stay.
    seed : int, default=0
        Seed of `limit`, `keep` and the validation split. A test part that is split
        off is the same for every seed.
    validation_fraction : float, default=0.1
        Part of each class's training images on which settings are chosen, where the
        data brings no validation part of its own.
    columns : mapping of str to str, optional
        Of a table of labels, the names of columns that are called otherwise: by
        ``"file_name"``, ``"label"``, ``"group"`` and ``"split"``.
    group_by : str, optional
        Regular expression that finds the group of an image, such as a patient, in its
        relative path: what its first group matches, or all of it. Images of one group are
        never in different parts.
    unlabeled : str, path-like or bool, default=True
        Images without a label, from which encoders learn, too: a folder of images, at any
        depth, or of shards, here or at a URL. Those in folders ``unlabeled`` beside the
        classes or parts, in shards ``unlabeled-*.tar``, and ``X_unlabeled`` of an ``.npz``
        file are used as well, unless it is False. Copies of labeled images are left out.
    need_labels : bool, default=True
        Refuse a source whose images all have no label. Without that, it is all
        `Dataset.unlabeled`.
    split : bool, default=True
        Split a test part off where the source has none. Without that, all labeled images
        are training images, and one of a class is enough.
    engine : {"local", "ray"}, default="local"
        Where the files are read: in processes of this machine, or in the workers of a Ray
        cluster, which must see `cache_dir`.
    address : str, optional
        Of the cluster; without it Ray is started on this machine.
    progress : callable, optional
        Called as ``progress(what, done, total)`` while images are read.

    Returns
    -------
    Dataset
        Training and test images of uint8, shape (n, h, w, c) with 1 or 3 channels;
        those of a folder are slices of a memory map.

    Raises
    ------
    MissingDataError
        If `source` is neither a name nor a path, or cannot be downloaded.
    DataError
        If the images or labels cannot be used.
    ParameterError
        If an option is out of range or names an unknown class.
    CacheError
        If `cache_dir` cannot be written.
    StorageError
        If the storage of a URL does not answer.
    DependencyError
        If torchvision is needed and does not import.

    Examples
    --------
    >>> data = load_dataset("digits", limit=200)
    >>> data.train.X.shape, data.test.X.shape, int(data.validation.sum())
    ((200, 8, 8, 1), (200, 8, 8, 1), 20)
    """
    options = Options(
        size=(size, size) if isinstance(size, int) else size,
        longest_side=longest_side,
        fit=fit,
        device=device,
        limit=limit,
        keep=keep or {},
        seed=seed,
        validation_fraction=validation_fraction,
        progress=progress or silent,
        executor=make_executor(engine, address),
        columns=columns or {},
        group_by=group_by,
        unlabeled=unlabeled is not False,
        need_labels=need_labels,
        split=split,
    )
    if isinstance(source, str) and source in NAMED:
        _refuse_more(unlabeled, options, source)
        return load_named(source, options, Path(data_dir or user_data_path("featx")))
    folder, table = _find_table(source, options)
    there = folder or _find(source)
    if isinstance(there, str):
        _refuse_more(unlabeled, options, there)
        return load_npz(there, options)
    more = None if isinstance(unlabeled, bool) else _find(unlabeled)
    if isinstance(more, str):
        raise DataError(
            f"Got {more} for unlabeled images, but expected a folder of images, or .tar or "
            ".parquet files."
        )
    return load_folder(there, options, Store(cache_dir), table=table, more=more)


def _find_table(
    source: str | os.PathLike[str], options: Options
) -> tuple[Folder | None, str]:
    """Find the folder of a table of labels and its name in it; (None, "") if it is none."""
    place = str(source) if is_remote(source) else os.path.expanduser(source)
    folder, _, name = str(place).replace(os.sep, "/").rpartition("/")
    if is_remote(source):
        if is_text_table(name) or is_label_table(str(source), options.columns):
            return list_remote(folder), name
        return None, ""
    if os.path.isdir(place) or not (
        is_text_table(name) or is_label_table(str(place), options.columns)
    ):
        return None, ""
    if not os.path.isfile(place):
        raise MissingDataError(f"Got {place}, but there is no such table of labels.")
    return LocalFolder(Path(place).parent, place), name


def _find(source: str | os.PathLike[str]) -> Folder | str:
    """Find a folder of images or shards; of an ``.npz`` file, return path or URL."""
    if is_remote(source):
        url = str(source)
        if url.lower().endswith(".npz"):
            return url
        return list_file(url) if is_shard(url) else list_remote(url)
    path = Path(os.path.expanduser(source))
    exists = os.path.exists(path)  # false too where Path.exists raises an error
    if os.path.isdir(path):
        return LocalFolder(path)
    if is_shard(path.name) and exists:
        return list_file(path.resolve().as_posix())
    if exists:
        return str(path)
    near = difflib.get_close_matches(str(source), NAMED, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise MissingDataError(
        f"Got data {str(source)!r}, but expected one of {', '.join(NAMED)}, or the "
        f"path of a folder, a .tar, .parquet or .npz file that exists.{hint}"
    )


def _refuse_more(unlabeled: object, options: Options, source: str) -> None:
    """Refuse what goes with image files alone."""
    if not isinstance(unlabeled, bool):
        raise ParameterError(
            f"Got unlabeled images in {unlabeled} beside {source}, but expected them "
            "beside a folder of images or shards. An .npz file holds them as X_unlabeled."
        )
    if options.group_by is not None or options.columns:
        raise ParameterError(
            f"Got group_by or columns for {source}, but expected them for image files. An "
            ".npz file holds groups as groups_train, groups_test and groups_val."
        )
