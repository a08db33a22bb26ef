import shutil
from pathlib import Path

from featx.store.folders import rename_folder


def test_a_name_that_is_freed_just_now_is_taken(tmp_path, monkeypatch):
    work, final = tmp_path / "work", tmp_path / "final"
    for folder in (work, final):
        folder.mkdir()
        (folder / "manifest.json").write_text(folder.name)

    def removed(path):
        shutil.rmtree(final)
        return False

    monkeypatch.setattr(Path, "is_file", removed)
    rename_folder(work, final)
    assert (final / "manifest.json").read_text() == "work"
