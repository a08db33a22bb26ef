import builtins

import pytest

from featx import Backend, RawPixels, bench, encode
from featx.cli import main
from featx.errors import DependencyError, ParameterError
from featx.features.engines import make_engine


@pytest.fixture
def without_ray(monkeypatch):
    load = builtins.__import__

    def refuse(name, *rest):
        if name.partition(".")[0] == "ray":
            raise ModuleNotFoundError("No module named 'ray'")
        return load(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)


def test_without_ray_it_is_said_what_to_install(without_ray, dataset, cache, capsys):
    with pytest.raises(DependencyError, match=r"pip install 'featx\[ray\]'"):
        encode(dataset, RawPixels(), cache=cache, engine="ray")
    with pytest.raises(DependencyError, match="needs Ray"):
        bench(dataset, {"raw": RawPixels()}, cache=cache, backend=Backend(joblib="ray"))
    assert cache.store.entries() == []  # said before anything takes time
    words = ["encode", "--encoder", "raw", "--quiet", "--engine", "ray"]
    assert main([*words, "--cache-dir", str(cache.folder)]) == 1
    assert capsys.readouterr().err.count("featx: ") == 1


def test_an_unknown_engine_is_refused_before_anything_is_encoded(dataset, cache):
    with pytest.raises(ParameterError, match=r"'rai'.*Did you mean 'ray'"):
        make_engine("rai")
    with pytest.raises(ParameterError, match="Did you mean 'local'"):
        encode(dataset, RawPixels(), cache=cache, engine="lokal")
    assert cache.store.entries() == []


def test_fits_side_by_side_give_the_same_table(dataset, cache, tmp_path):
    names = ["knn", "linear-svm", "svm", "logreg"]
    one = bench(dataset, {"raw": RawPixels()}, names, cache=cache)
    for entry in cache.store.entries():
        if entry.kind == "rows":
            cache.store.remove(entry.key)
    many = bench(
        dataset,
        {"raw": RawPixels()},
        names,
        cache=cache,
        backend=Backend(joblib="loky"),
    )
    assert [r.name for r in many.rows] == [r.name for r in one.rows]
    for a, b in zip(one.rows, many.rows, strict=True):
        assert a.scores.confusion.tolist() == b.scores.confusion.tolist()
        assert not b.cached["classifier"]
    assert len([e for e in cache.store.entries() if e.kind == "rows"]) == 4
