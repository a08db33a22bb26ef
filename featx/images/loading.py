"""The door to all image sources: a name, a folder, a shard or an .npz file."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from featx.catalog import NAMED
from featx.errors import MissingDataError
from featx.images.backends import LocalFolder, is_shard, list_file, list_remote
from featx.images.folder import load_folder
from featx.images.imageset import Dataset
from featx.images.named import load_named
from featx.images.npz import load_npz
from featx.images.options import Options, Progress, silent
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
    engine: str = "local",
    address: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Load labeled images from a name, a folder, a shard or an ``.npz`` file.

    Parameters
    ----------
    source : str or path-like, default="digits"
        A name in `NAMED`, a folder (``CLASS/*.png`` or ``train/CLASS/*``,
        ``test/CLASS/*``, optionally ``val/``), an ``.npz`` file (``X_train``,
        ``y_train``, ``X_test``, ``y_test``), or shards: a WebDataset tar (``KEY.jpg``,
        ``KEY.cls``), a Parquet table (a column of image files, one of labels), or a
        folder of them (``train-*.tar``, ``test-*.tar``). All may be URLs that fsspec
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
    )
    if isinstance(source, str) and source in NAMED:
        return load_named(source, options, Path(data_dir or user_data_path("featx")))
    store = Store(cache_dir)
    if is_remote(source):
        url = str(source)
        if url.lower().endswith(".npz"):
            return load_npz(url, options)
        there = list_file(url) if is_shard(url) else list_remote(url)
        return load_folder(there, options, store)
    path = Path(os.path.expanduser(source))
    exists = os.path.exists(path)  # false too where Path.exists raises an error
    if os.path.isdir(path):
        return load_folder(LocalFolder(path), options, store)
    if is_shard(path.name) and exists:
        return load_folder(list_file(str(path.resolve())), options, store)
    if exists:
        return load_npz(path, options)
    near = difflib.get_close_matches(str(source), NAMED, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise MissingDataError(
        f"Got data {str(source)!r}, but expected one of {', '.join(NAMED)}, or the "
        f"path of a folder, a .tar, .parquet or .npz file that exists.{hint}"
    )
