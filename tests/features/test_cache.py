import json
import os
import pickle
import shutil
import threading
import time
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline

from featx import ConvAutoencoder, RawPixels, UntrainedAutoencoder
from featx.errors import CacheError, FeatxError, FeatxWarning, ParameterError
from featx.features import FeatureCache, chunks, encode
from featx.store import checksums
from featx.store import entries as listing
from featx.store import store as store_module
from featx.store.folders import partial_folder, read_manifest
from featx.store.locks import remove_entry


def conv(**params):
    return ConvAutoencoder(**{"max_epochs": 1, "random_state": 0} | params)


def pca():
    return make_pipeline(RawPixels(), PCA(5, random_state=0))


@pytest.mark.parametrize(
    "build", [RawPixels, pca, conv, lambda: UntrainedAutoencoder(random_state=0)]
)
def test_the_second_time_nothing_is_fitted_or_encoded(
    dataset, cache, build, monkeypatch
):
    first = encode(dataset, build(), cache=cache)
    assert first.cached == {"encoder": False, "features": False}
    for kind in (RawPixels, PCA, ConvAutoencoder, UntrainedAutoencoder):
        monkeypatch.setattr(kind, "fit", None)
        monkeypatch.setattr(kind, "transform", None)
    second = encode(dataset, build(), cache=FeatureCache(cache.folder))
    assert second.cached == {"encoder": True, "features": True}
    assert np.array_equal(first.train.X, second.train.X)
    assert second.encoder.train_seconds == first.encoder.train_seconds
    assert second.encoder.history == first.encoder.history


def test_features_are_those_of_the_encoder_and_read_only(dataset, cache):
    encoded = encode(dataset, conv(), cache=cache)
    expected = conv().fit(dataset.train.X).transform(dataset.test.X)
    assert np.array_equal(encoded.test.X, expected)
    with pytest.raises(ValueError, match="read-only"):
        encoded.test.X[0] = 0
    manifest = json.loads(
        (cache.folder / "features" / encoded.test.key / "manifest.json").read_text()
    )
    assert manifest["encoder"] == encoded.encoder.key
    rows = np.load(cache.folder / "features" / encoded.test.key / "rows.npz")
    assert rows["ids"].tolist() == dataset.test.ids.tolist()


def change_pixel(images):
    X = images.X.copy()
    X[0, 0, 0, 0] ^= 1
    return replace(images, X=X)


@pytest.mark.parametrize(
    ("change", "build", "encoder", "train", "test"),
    [
        ("a training pixel", conv, False, False, False),
        ("a training pixel", RawPixels, False, False, True),
        ("a test pixel", conv, True, True, False),
        ("the labels", conv, True, True, True),
        ("the epochs", lambda: conv(max_epochs=2), False, False, False),
        ("the seed", lambda: conv(random_state=1), False, False, False),
        ("the precision", lambda: conv(precision="float32"), False, False, False),
        ("the precision", RawPixels, True, True, True),
        ("verbosity", lambda: conv(verbose=1, device="cpu"), True, True, True),
    ],
)
def test_exactly_what_a_change_affects_is_made_anew(
    dataset, cache, change, build, encoder, train, test
):
    for before in (conv(), RawPixels()):
        encode(dataset, before, cache=cache)
    if change == "a training pixel":
        dataset = replace(dataset, train=change_pixel(dataset.train))
    elif change == "a test pixel":
        dataset = replace(dataset, test=change_pixel(dataset.test))
    elif change == "the labels":
        dataset = replace(
            dataset, train=replace(dataset.train, y=dataset.train.y[::-1].copy())
        )
    again = encode(dataset, build(), cache=cache)
    assert again.encoder.cached == encoder
    assert (again.train.cached, again.test.cached) == (train, test)


def test_an_interrupted_encoding_continues_and_equals_an_undisturbed_one(
    dataset, cache, tmp_path, monkeypatch
):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 10)
    fitted = cache.fit(conv(), dataset.train)
    transform = ConvAutoencoder.transform
    calls = []

    def interrupted(self, X):
        calls.append(len(X))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return transform(self, X)

    monkeypatch.setattr(ConvAutoencoder, "transform", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.encode(fitted, dataset.train)
    assert [e.complete for e in cache.store.entries() if e.kind == "features"] == [
        False
    ]
    resumed = cache.encode(fitted, dataset.train)
    assert calls == [10] * 7  # three whole chunks, the lost one, and three more
    monkeypatch.setattr(ConvAutoencoder, "transform", transform)
    other = FeatureCache(tmp_path / "other")
    undisturbed = other.encode(other.fit(conv(), dataset.train), dataset.train)
    assert np.array_equal(resumed.X, undisturbed.X)


def test_what_stops_the_writing_of_a_chunk_is_told(dataset, cache, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 10)
    fitted = cache.fit(RawPixels(), dataset.train)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(chunks, "reserve", full)
        with pytest.raises(CacheError, match=r"No space left.*--cache-dir"):
            cache.encode(fitted, dataset.train)
    encoded = cache.encode(fitted, dataset.train)
    assert np.array_equal(encoded.X, fitted.encoder.transform(dataset.train.X))


def test_a_damaged_partial_chunk_is_not_trusted(dataset, cache, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 10)
    fitted = cache.fit(RawPixels(), dataset.train)
    expected = fitted.encoder.transform(dataset.train.X)
    transform = RawPixels.transform
    calls = []

    def interrupted(self, X):
        calls.append(len(X))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return transform(self, X)

    monkeypatch.setattr(RawPixels, "transform", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cache.encode(fitted, dataset.train)
    (partial,) = (cache.folder / "features").glob("*.partial")
    array = np.load(partial / "features.npy", mmap_mode="r+")
    array[0, 0] += 1
    array.flush()
    assert np.array_equal(cache.encode(fitted, dataset.train).X, expected)


def test_features_are_not_read_again_for_their_checksum(dataset, cache, monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_ROWS", 10)
    fitted = cache.fit(RawPixels(), dataset.train)
    read, digest = [], checksums.file_digest

    def reading(path):
        read.append(path.name)
        return digest(path)

    with monkeypatch.context() as patched:
        patched.setattr(checksums, "file_digest", reading)
        cache.encode(fitted, dataset.train)
    assert read == ["manifest.json", "progress.json", "rows.npz"]
    assert cache.store.verify() == []


def test_a_failed_fit_leaves_nothing_behind(dataset, cache):
    with pytest.raises(ParameterError, match=r"cannot be fitted.*n_components"):
        cache.fit(
            make_pipeline(RawPixels(), PCA(10_000, random_state=0)),
            dataset.train,
            name="pca",
        )
    assert cache.store.entries() == []


def test_a_cache_folder_that_cannot_be_written_is_named(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    cache = FeatureCache(tmp_path / "file")
    with pytest.raises(CacheError, match=r"cache folder .*file.*--cache-dir"):
        cache.fit(RawPixels(), dataset.train)


def test_damaged_entries_are_refused_with_the_remedy(dataset, cache):
    encoded = encode(dataset, RawPixels(), cache=cache)
    (cache.folder / "features" / encoded.test.key / "features.npy").write_bytes(b"no")
    with pytest.raises(CacheError, match="featx cache rm"):
        encode(dataset, RawPixels(), cache=cache)
    folder = cache.folder / "encoders" / encoded.encoder.key
    (folder / "encoder.skops").write_bytes(b"no")
    with pytest.raises(CacheError, match="featx cache rm"):
        encode(dataset, RawPixels(), cache=cache)
    (folder / "manifest.json").write_text("{")
    with pytest.raises(CacheError, match=r"manifest\.json has changed"):
        encode(dataset, RawPixels(), cache=cache)
    assert [wrong for _, wrong in cache.store.verify()] == [
        ["encoder.skops has changed", "manifest.json has changed"],
        ["features.npy has changed"],
    ]
    for entry in cache.store.entries():
        cache.store.remove(entry.key)  # what is damaged can still be removed
    assert encode(dataset, RawPixels(), cache=cache).cached["features"] is False


def test_listing_and_removing(dataset, cache):
    encoded = encode(dataset, RawPixels(), cache=cache, name="raw")
    entries = cache.store.entries()
    assert sorted(e.kind for e in entries) == ["encoders", "features", "features"]
    assert all(e.size > 100 and e.complete for e in entries)
    removed = cache.store.remove(encoded.test.key[:8])
    assert [e.key for e in removed] == [encoded.test.key]
    again = encode(dataset, RawPixels(), cache=cache)
    assert (again.train.cached, again.test.cached) == (True, False)
    for key in ("", "zzzz", encoded.train.key[:3]):
        with pytest.raises(FeatxError, match="cache ls"):
            cache.store.remove(key)


def test_progress_is_told_by_step_and_by_image(dataset, cache):
    told = []
    encode(
        dataset,
        conv(max_epochs=3),
        cache=cache,
        name="conv",
        progress=lambda *event: told.append(event),
    )
    train = [event for event in told if event[0].startswith("train conv, epoch")]
    assert train[-1][0].startswith("train conv, epoch 3 of 3, loss")
    assert train[-1][1] == train[-1][2] == len(train)
    assert told[-1] == ("encode conv test", 30, 30)


def test_a_random_state_that_cannot_be_found_again_is_refused(dataset, cache):
    encoder = ConvAutoencoder(random_state=np.random.RandomState(0))
    with pytest.raises(ParameterError, match="random_state as a RandomState"):
        cache.fit(encoder, dataset.train)


def test_a_cached_encoder_runs_where_it_is_wanted(dataset, cache):
    cache.fit(
        ConvAutoencoder(max_epochs=1, random_state=0, device="auto"), dataset.train
    )
    again = cache.fit(
        ConvAutoencoder(max_epochs=1, random_state=0, device="cpu"), dataset.train
    )
    assert again.cached and again.encoder.device == "cpu"


def test_one_makes_an_entry_and_the_others_wait(dataset, cache):
    told, done = [], []
    first = threading.Event()
    transform = RawPixels.transform
    calls = []

    class Slow(RawPixels):
        def transform(self, X):
            calls.append(len(X))
            first.set()
            time.sleep(0.3)
            return transform(self, X)

    fitted = replace(
        cache.fit(RawPixels(), dataset.train), load=lambda: Slow().fit(dataset.train.X)
    )

    def run(number):
        if number:
            first.wait()
        progress = lambda *event: told.append((number, event[0]))  # noqa: E731
        done.append(
            FeatureCache(cache.folder).encode(fitted, dataset.train, progress=progress)
        )

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [60]
    assert sorted(one.cached for one in done) == [False, True, True, True]
    waited = {number for number, what in told if what.startswith("wait for another")}
    assert waited == {1, 2, 3}
    for one in done:
        assert np.array_equal(one.X, done[0].X)


def test_what_a_killed_process_left_is_swept_away(dataset, cache):
    encoded = encode(dataset, RawPixels(), cache=cache)
    cache.store.remove(encoded.encoder.key)
    left = cache.folder / "encoders" / f".{encoded.encoder.key[:16]}-abc"
    left.mkdir()
    encode(dataset, RawPixels(), cache=cache)
    assert not left.exists()


def test_killed_between_the_last_byte_and_the_name(dataset, cache, monkeypatch):
    fitted = cache.fit(RawPixels(), dataset.train)
    expected = fitted.encoder.transform(dataset.train.X)
    with monkeypatch.context() as patched:
        patched.setattr("featx.store.folders.rename_folder", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.encode(fitted, dataset.train)
    monkeypatch.setattr(RawPixels, "transform", None)  # nothing is encoded again
    assert np.array_equal(cache.encode(fitted, dataset.train).X, expected)
    assert cache.store.verify() == []


def _interrupt(*_, **__):
    raise KeyboardInterrupt


def test_a_cache_that_may_only_be_read_is_read(dataset, cache, monkeypatch):
    encoded = encode(dataset, RawPixels(), cache=cache)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("featx.store.checksums._stamp", refuse)
    monkeypatch.setattr("featx.store.locks.FileLock", refuse)
    monkeypatch.setattr("os.utime", refuse)
    for seen in cache.folder.glob("*/*/.seen"):
        seen.unlink()
    again = encode(dataset, RawPixels(), cache=cache)
    assert again.cached == {"encoder": True, "features": True}
    assert np.array_equal(again.train.X, encoded.train.X)


def test_pruning_takes_what_was_unused_for_longest(dataset, cache):
    old = encode(dataset, RawPixels(), cache=cache)
    new = encode(dataset, conv(), cache=cache)
    for kind, key in (
        ("encoders", old.encoder.key),
        ("features", old.train.key),
        ("features", old.test.key),
    ):
        os.utime(cache.folder / kind / key, (0, 0))
    week = timedelta(days=7)
    would = cache.store.prune(older_than=week, dry_run=True)
    assert len(cache.store.entries()) == 6
    assert [e.key for e in cache.store.prune(older_than=week)] == [e.key for e in would]
    assert {e.key for e in would} == {old.encoder.key, old.train.key, old.test.key}
    left = cache.store.entries()
    assert cache.store.prune(max_size=sum(e.size for e in left)) == []
    os.utime(cache.folder / "features" / new.test.key, (9, 9))
    gone = cache.store.prune(max_size=sum(e.size for e in left) - 1)
    assert [e.key for e in gone] == [new.test.key]
    assert len(cache.store.prune(max_size=0)) == 2 and cache.store.entries() == []


def test_what_another_process_is_making_is_not_removed(dataset, cache, made_elsewhere):
    key = encode(dataset, RawPixels(), cache=cache).train.key
    with made_elsewhere(cache.folder / "features" / key):
        said = f"making or using \\(features {key[:12]}\\); they stay. Run this again"
        with pytest.warns(FeatxWarning, match=f"Got 1 of 1 entries .*{said}"):
            assert cache.store.remove(key) == []
        with pytest.warns(FeatxWarning, match=f"Got 1 of 3 entries .*{said}"):
            assert len(cache.store.prune(max_size=0)) == 2
    assert [entry.key for entry in cache.store.entries()] == [key]
    assert [entry.key for entry in cache.store.remove(key)] == [key]
    assert cache.store.entries() == []


def test_a_part_that_another_process_goes_on_with_is_not_removed(
    dataset, cache, monkeypatch, made_elsewhere
):
    fitted = cache.fit(RawPixels(), dataset.train)
    with monkeypatch.context() as patched:
        patched.setattr("featx.store.folders.rename_folder", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.encode(fitted, dataset.train)
    (part,) = (
        e for e in cache.store.entries() if not e.complete
    )  # its manifest is there
    with made_elsewhere(cache.folder / "features" / part.key):
        with pytest.warns(FeatxWarning, match="another process is making"):
            assert cache.store.remove(part.key) == []
    assert cache.store.remove(part.key) == [part]
    assert [e.kind for e in cache.store.entries()] == ["encoders"]


def test_an_entry_without_a_manifest_is_found_and_removed(dataset, cache):
    key = encode(dataset, RawPixels(), cache=cache).train.key
    (cache.folder / "features" / key / "manifest.json").unlink()
    ((entry, wrong),) = cache.store.verify()
    assert (entry.key, wrong) == (key, ["manifest.json is missing"])
    assert [e.key for e in cache.store.remove(key)] == [key]


def test_a_removal_that_was_interrupted_can_be_finished(dataset, cache, monkeypatch):
    encoded = encode(dataset, RawPixels(), cache=cache)
    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.store.remove(encoded.train.key)
    left = {e.key: e.complete for e in cache.store.entries() if e.kind == "features"}
    assert left == {encoded.train.key: False, encoded.test.key: True}
    again = encode(dataset, RawPixels(), cache=cache)
    assert np.array_equal(again.train.X, encoded.train.X) and cache.store.verify() == []
    whole = cache.folder / "features" / encoded.train.key
    partial_folder(whole).mkdir()  # of an older making
    assert remove_entry(whole) and not partial_folder(whole).exists()


def test_what_is_removed_while_it_is_listed_is_left_out(dataset, cache, monkeypatch):
    encoded = encode(dataset, RawPixels(), cache=cache)
    peek = listing._peek

    def removing(folder):
        seen = peek(folder)
        if folder.name == encoded.train.key:
            remove_entry(folder)
        return seen

    monkeypatch.setattr(listing, "_peek", removing)
    kept = {encoded.encoder.key, encoded.test.key}
    assert {entry.key for entry in cache.store.entries()} == kept
    assert {entry.key for entry in cache.store.prune(max_size=0)} == kept


def test_what_is_removed_before_its_turn_is_not_said_to_be(dataset, cache, monkeypatch):
    encoded = encode(dataset, RawPixels(), cache=cache)
    entries = cache.store.entries()
    assert [e.key for e in cache.store.remove(encoded.train.key)] == [encoded.train.key]
    monkeypatch.setattr(cache.store, "entries", lambda: entries)
    assert cache.store.remove(encoded.train.key) == []  # and nobody is warned
    assert {e.key for e in cache.store.prune(max_size=0)} == {
        *(encoded.encoder.key, encoded.test.key)
    }


def test_what_gets_its_name_while_it_is_listed_is_listed(dataset, cache, monkeypatch):
    key = encode(dataset, RawPixels(), cache=cache).train.key
    whole = cache.folder / "features" / key
    whole.rename(partial_folder(whole))
    peek = listing._peek

    def finishing(folder):
        if folder == partial_folder(whole) and folder.exists():
            folder.rename(whole)
        return peek(folder)

    monkeypatch.setattr(listing, "_peek", finishing)
    assert key in {entry.key for entry in cache.store.entries() if entry.complete}


def test_what_is_removed_while_it_is_verified_is_not_damaged(
    dataset, cache, monkeypatch
):
    encoded = encode(dataset, RawPixels(), cache=cache)
    damage = store_module.damage

    def removing(folder):
        if folder.name == encoded.train.key:
            remove_entry(folder)
        return damage(folder)

    monkeypatch.setattr(store_module, "damage", removing)
    assert cache.store.verify() == []


def test_what_is_removed_while_it_is_read_is_made_anew(dataset, cache, monkeypatch):
    first = encode(dataset, conv(), cache=cache)

    def removing(folder):
        manifest = read_manifest(folder)
        remove_entry(folder)  # but for what is locked, as it is while it is made
        return manifest

    with monkeypatch.context() as patched:
        patched.setattr(store_module, "read_manifest", removing)
        again = encode(dataset, conv(), cache=cache)
    assert again.cached == {"encoder": False, "features": False}
    assert np.array_equal(again.train.X, first.train.X)
    assert np.array_equal(again.test.X, first.test.X)
    assert encode(dataset, conv(), cache=cache).cached["features"]
    assert cache.store.verify() == []


def test_an_encoder_can_be_read_after_it_was_removed(dataset, cache):
    cache.fit(conv(), dataset.train)
    found = cache.fit(conv(), dataset.train)
    there = pickle.loads(pickle.dumps(found))
    assert len(pickle.dumps(found)) < 10_000  # the file's name travels, not the file
    expected = there.encoder.transform(dataset.test.X)
    assert found.cached and cache.store.remove(found.key)
    assert np.array_equal(found.encoder.transform(dataset.test.X), expected)
