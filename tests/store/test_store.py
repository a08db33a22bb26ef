import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from featx.errors import CacheError, ParameterError
from featx.store import Store

KEY = "0123456789abcdef" * 4


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "cache")


def read(folder, manifest):
    return (folder / "text").read_text(), manifest["what"]


def put(store, text="made"):
    with store.new_entry("rows", KEY, {"what": "a test"}) as work:
        (work / "text").write_text(text)


def never():
    raise AssertionError("made again")


def test_an_entry_is_read_as_it_was_written(store):
    assert store.get("rows", KEY, read) is None
    put(store)
    put(store, "another")  # the first one is kept
    assert store.get("rows", KEY, read) == ("made", "a test")
    assert [(e.kind, e.key, e.what) for e in store.entries()] == [
        ("rows", KEY, "a test")
    ]


def test_what_a_block_adds_to_a_manifest_is_written(store):
    manifest = {"what": "a test"}
    with store.new_entry("rows", KEY, manifest):
        manifest["more"] = 1
    found = store.get("rows", KEY, lambda _, manifest: manifest)
    assert (found["what"], found["more"]) == ("a test", 1)


def test_an_entry_whose_filling_fails_is_absent(store):
    with pytest.raises(RuntimeError), store.new_entry("rows", KEY, {}) as work:
        (work / "text").write_text("half")
        raise RuntimeError
    assert store.entries() == [] and list((store.folder / "rows").iterdir()) == []


def test_a_file_that_is_gone_is_no_entry(store):
    put(store)
    assert store.get("rows", KEY, lambda folder, _: open(folder / "none")) is None


def recall(store, make):
    return store.get_or_make(
        "rows",
        KEY,
        "a test",
        read=lambda folder, _: (folder / "text").read_text(),
        make=make,
        write=lambda work, made: (work / "text").write_text(made),
    )


def test_what_was_made_is_not_made_again(store):
    assert recall(store, lambda: "made") == recall(store, never) == "made"
    (store.path("rows", KEY) / "text").write_text("mode")
    with pytest.raises(CacheError, match=f"text has changed.*cache rm {KEY[:12]}"):
        recall(store, never)


def test_what_a_killed_process_had_begun_is_removed(store):
    left = store.folder / "rows" / f".{KEY[:16]}-abcd"
    left.mkdir(parents=True)
    (left / "text").write_text("half of")
    with store.keep_entry("rows", KEY, {"what": "a test"}) as work:
        (work / "text").write_text("all")
    assert [folder.name for folder in (store.folder / "rows").iterdir()] == [KEY]
    assert store.get("rows", KEY, read) == ("all", "a test")


def test_an_unknown_kind_is_refused(store):
    with pytest.raises(ParameterError, match="kind of entry"):
        store.get("maps", KEY, read)


def test_what_cannot_be_kept_is_made_every_time(tmp_path):
    (tmp_path / "file").write_text("in the way")
    made = iter(["first", "second"])
    for expected in ("first", "second"):
        assert recall(Store(tmp_path / "file"), lambda: next(made)) == expected


def test_who_waits_is_told_and_finds_what_was_made(store, made_elsewhere):
    told, waiting = [], threading.Event()

    def progress(*event):
        told.append(event)
        waiting.set()

    with ThreadPoolExecutor(1) as pool:
        with made_elsewhere(store.path("rows", KEY)):
            arguments = {"read": read, "make": never, "progress": progress}
            found = pool.submit(
                store.get_or_make_alone, "rows", KEY, "test this", **arguments
            )
            assert waiting.wait(60)
            put(store)
        assert found.result(60) == ("made", "a test")
    assert told == [("wait for another process to test this", 0, 0)]


def test_a_damaged_entry_is_replaced_where_that_is_wanted(store):
    put(store)
    (store.path("rows", KEY) / "text").write_text("mode")

    def make():
        put(store, "anew")
        return store.get("rows", KEY, read)

    arguments = {"read": read, "make": make}
    with pytest.raises(CacheError, match="text has changed"):
        store.get_or_make_alone("rows", KEY, "test", **arguments)
    arguments["replace_damaged"] = True
    assert store.get_or_make_alone("rows", KEY, "test", **arguments)[0] == "anew"
    assert store.verify() == []
