import numpy as np
import pytest

from featx.errors import DataError
from featx.images import load_dataset

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (20, 5, 6, 3), np.uint8)
Y = np.arange(20) % 2


def load(tmp_path, **kwargs):
    options = {k: kwargs.pop(k) for k in ("size", "limit") if k in kwargs}
    arrays = {"X_train": X, "y_train": Y, "X_test": X[:6], "y_test": Y[:6]} | kwargs
    arrays = {k: v for k, v in arrays.items() if v is not None}
    np.savez(tmp_path / "a.npz", **arrays)
    return load_dataset(tmp_path / "a.npz", cache_dir=tmp_path, **options)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32, float])
def test_dtypes(tmp_path, dtype):
    data = load(tmp_path, X_train=X.astype(dtype))
    np.testing.assert_array_equal(data.train.X, X)
    assert data.class_names == ("0", "1")
    assert data.train.ids[3] == "train/3"


def test_unit_floats_gray_and_transparent(tmp_path):
    data = load(tmp_path, X_train=X / 255, X_test=X[:6] / 255)
    np.testing.assert_array_equal(data.train.X, X)
    data = load(tmp_path, X_train=X[..., 0], X_test=X[:6, ..., :1])
    np.testing.assert_array_equal(data.train.X, X[..., :1])
    alpha = np.dstack([np.zeros((5, 6, 3)), np.full((5, 6), 51)]).astype(np.uint8)
    four = np.stack([alpha] * 20)
    assert (load(tmp_path, X_train=four, X_test=four[:6]).train.X == 204).all()


def test_floats_a_hair_outside_0_to_1_are_clipped_and_the_note_says_so(tmp_path):
    unit = X / 255
    unit[0, 0, 0], unit[1, 0, 0] = 1 + 1e-6, -1e-6
    data = load(tmp_path, X_train=unit, X_test=X[:6] / 255)
    assert "from -1e-06 to 1.000001 are taken for 0 to 1" in data.notes[-1]
    assert (data.train.X[0, 0, 0] == 255).all() and (data.train.X[1, 0, 0] == 0).all()
    np.testing.assert_array_equal(data.train.X[2:], X[2:])
    data = load(tmp_path, X_train=X / 255, X_test=X[:6] / 255)
    assert not any("taken for" in note for note in data.notes)
    np.testing.assert_array_equal(data.train.X, X)


def test_one_range_holds_for_all_parts(tmp_path):
    dark = (X[:6] // 200).astype(float)  # 0 and 1 of 255
    data = load(tmp_path, X_train=X.astype(float), X_test=dark * 3)
    np.testing.assert_array_equal(data.test.X, X[:6] // 200 * 3)


def test_labels(tmp_path):
    names = np.array(["dog", "cat"])[Y]
    data = load(tmp_path, y_train=names, y_test=names[:6, None])
    assert data.class_names == ("cat", "dog")
    assert data.train.y.tolist() == (1 - Y).tolist()
    data = load(tmp_path, class_names=np.array(["a", "b"]))
    assert data.class_names == ("a", "b")
    assert (
        load(tmp_path, y_train=Y + 9, y_test=Y[:6] + 9).class_names == ("10", "9")[::-1]
    )


def test_parts_and_size(tmp_path):
    data = load(tmp_path, X_val=X[:4], y_val=Y[:4], size=(3, 4), limit=None)
    assert np.flatnonzero(data.validation).tolist() == [20, 21, 22, 23]
    assert data.train.ids[-1] == "val/3"
    assert data.train.image_shape == (3, 4, 3)
    data = load(tmp_path, X_test=None, y_test=None)
    assert (len(data.train), len(data.test)) == (16, 4)
    assert "20 %" in data.notes[0]
    for part in (data.train, data.test):
        for x, id_ in zip(part.X, part.ids, strict=True):
            np.testing.assert_array_equal(x, X[int(id_.split("/")[1])])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"X_train": None}, "Got arrays y_train, X_test, y_test"),
        ({"y_train": None}, "Got X_train without y_train"),
        ({"X_train": X[:9]}, "Got 9 images in X_train and 20 labels"),
        ({"X_train": X.reshape(20, -1)}, r"X_train of shape \(20, 90\)"),
        ({"X_train": X.transpose(0, 3, 1, 2)}, r"transpose\(0, 2, 3, 1\)"),
        ({"X_train": X[:, :4]}, "images of different shapes"),
        ({"X_train": X / np.nan}, "Got NaN in X_train"),
        ({"X_train": X / 0.5}, "Got pixels from 0 to 510"),
        ({"X_train": X - 3.0}, "Got pixels from -3 to"),
        (
            {"X_train": X / 200, "X_test": X[:6] / 200},
            r"Got floats up to 1\.2.* in X_train.*255 \* X_train\.clip\(0, 1\)",
        ),
        (
            {"X_train": X / 127.5 - 1, "X_test": X[:6] / 127.5 - 1},
            "Got pixels from -1 to 1",
        ),
        ({"X_test": X[:6] / 255}, r"Got floats up to 1 in X_test.*X_test\.clip"),
        (
            {"y_train": np.array([b"K\xe4fer", b"ant"])[Y]},
            r"Got b'K\\xe4fer' in y_train, which is not UTF-8.*'latin-1'",
        ),
        (
            {"class_names": np.array([b"\xe4", b"b"])},
            "in class_names, which is not UTF-8",
        ),
        ({"class_names": np.array(["a", "a"])}, "Got 'a' 2 times in class_names"),
        ({"X_train": X + np.inf}, "to inf"),
        ({"X_train": X > 9}, "X_train of dtype bool"),
        ({"X_train": X.astype(object)}, "Got Python objects in X_train"),
        ({"X_train": X[:0], "y_train": Y[:0]}, "Got an empty X_train"),
        ({"y_train": Y / 2}, "y_train of dtype float64, but expected integers"),
        ({"y_train": np.eye(2, dtype=int)[Y]}, "one-hot"),
        ({"y_train": Y.astype(str)}, "Got integers and strings as labels"),
        ({"y_test": Y[:6] + 1}, "not in test: 0"),
        ({"y_train": Y * 0, "y_test": Y[:6] * 0}, r"Got 1 class \(0\)"),
        (
            {"class_names": np.array(["a"])},
            "Got labels 0 to 1 in y_train, but expected",
        ),
        (
            {"y_train": Y.astype(str), "class_names": np.array(["a", "b"])},
            "Got label '0' in y_train, but expected one of the class_names a, b",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:(divide by zero|invalid value):RuntimeWarning")
def test_bad_arrays(tmp_path, changes, words):
    with pytest.raises(DataError, match=words) as caught:
        load(tmp_path, **changes)
    assert "\n" not in str(caught.value)


def test_bad_files(tmp_path):
    def load(name):
        return load_dataset(tmp_path / name, cache_dir=tmp_path)

    (tmp_path / "a.zip").write_bytes(b"x")
    with pytest.raises(DataError, match=r"Got file .*a\.zip, but expected a folder"):
        load("a.zip")
    (tmp_path / "a.npz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"is not an .npz file or is cut short"):
        load("a.npz")
    np.savez(tmp_path / "b.npz", X_train=X, y_train=Y)
    whole = bytearray((tmp_path / "b.npz").read_bytes())
    whole[500] ^= 255
    (tmp_path / "b.npz").write_bytes(whole)
    with pytest.raises(DataError, match=r"Got a broken file .*X_train"):
        load("b.npz")
