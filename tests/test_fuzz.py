"""Whatever is typed, and whatever a file holds, gets one clear line: a thousand times.

Run with -m torture. What was found is kept in small tests beside what it was found in.
"""

import contextlib
import io
import json
import re
import resource
import signal
import zipfile
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from test_bundle import remade, write

import featx
from featx.autoencoders import registry
from featx.catalog import ENCODERS
from featx.classifiers import make_classifier
from featx.cli import app, main
from featx.encoders import make_encoders

pytestmark = [
    pytest.mark.torture,
    pytest.mark.filterwarnings("default::featx.errors.FeatxWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]
CASES = 1000
SECONDS = 60  # that a case may take
GIB = 4  # of memory beyond what the tests have


class TooLong(BaseException):
    """No error that the code under test could take for one of its own."""


@pytest.fixture(autouse=True)
def bounds(tmp_path, monkeypatch):
    """An empty folder to be in, little memory, and an alarm clock."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = pages * resource.getpagesize() + GIB * 2**30
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def ring(number, frame):
    raise TooLong


def call(*words):
    """Run the command line: exit code, stdout, and what is wrong with the answer."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in "oe"]
    code, wrong = None, ""
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        with (
            contextlib.redirect_stdout(streams[0]),
            contextlib.redirect_stderr(streams[1]),
        ):
            code = main(words)
    except (Exception, SystemExit, TooLong) as error:
        wrong = f"{type(error).__name__}: {error}"
    signal.alarm(0)
    for stream in streams:
        stream.flush()
    out, err = (s.buffer.getvalue().decode(errors="replace") for s in streams)
    last = err.strip().splitlines()[-1:]
    if not wrong and code not in (0, 1, 2):
        wrong = f"exit code {code}"
    if not wrong and "Traceback" in out + err:
        wrong = "a traceback"
    if not wrong and code == 1 and not (last and last[0].startswith("featx: ")):
        wrong = f"no line, but {last}"
    return code, out, wrong


def judge(cases):
    """Tell the failures of all cases; each yields what it was, and what was wrong."""
    found = [(what, wrong) for what, wrong in cases if wrong]
    print(f"{len(found)} of {CASES} failed")
    for what, wrong in found[:60]:
        print(f"  {what[:110]!a}: {wrong[:160]!a}")
    assert not found


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A small .npz: three classes that can be told apart."""
    rng = np.random.default_rng(0)
    y = np.arange(45) % 3
    X = (rng.integers(0, 120, (45, 8, 8)) + 60 * y[:, None, None]).astype(np.uint8)
    path = tmp_path_factory.mktemp("tiny") / "tiny.npz"
    np.savez(path, X_train=X, y_train=y, X_test=X[::2], y_test=y[::2])
    return str(path)


SCALARS = [
    *("0", "1", "2", "3", "-1", "0.5", "1.5", "1e30", "1e300", "-1e300", "1e999"),
    *("NaN", "Infinity", "-Infinity", "null", "true", "false", '""', "", " ", "auto"),
    *("flip", "no", "many", "mle", "'4'", str(2**31), str(2**63), str(10**30)),
    *("-" + "9" * 40, "9" * 400, "9" * 5000, "x" * 3000, "\udcff", "日本", "\x1b[2J"),
]
NESTED = [
    *("[]", "[4]", "[4, 8]", "[0]", "[-1]", "[1.5]", "[null]", '["a"]', "[NaN]"),
    *("[true]", "[[4, 8], [2]]", f"[{10**30}]", f"[{2**31}]", "[8, 8]", "[8, 8, 1]"),
    *("[64]", "[1, 64, 1]", "[8, 0, 1]", "[-8, -8]", "[4, 4, 4, 4]", "{}"),
    *('{"a": 1}', "(4, 8)", "4, 8", "[" * 5000, "[" * 5000 + "]" * 5000),
    *("[2, 2, 2, 2, 2, 2, 2, 2]", f"[{', '.join(['1'] * 40)}]"),
]


def test_parameters_of_encoders(tiny, tmp_path):
    built = make_encoders(ENCODERS, n_images=30, n_pixels=64, options={}, settings={})
    each = [
        (encoder, parameter, value)
        for encoder in ENCODERS
        for parameter in registry._parameters(built[encoder])
        for value in SCALARS + NESTED
    ]
    rng = np.random.default_rng(0)
    shared = ["--epochs", "1", "--quiet", "--cache-dir", str(tmp_path / "cache")]
    quick = ["--set", "n_components=4"]

    def cases():
        for number, row in enumerate(rng.permutation(len(each))[:CASES].tolist()):
            encoder, parameter, value = each[row]
            words = [tiny, "--encoder", encoder, *shared]
            words += quick if encoder != "raw" else []
            words += ["--set", f"{encoder}.{parameter}={value}"]
            if number % 8 == 0:
                words = ["bench", *words, "--clf", "knn", "--out", "run"]
            else:
                words = ["encode", *words]
            yield f"{encoder}.{parameter}={value}", call(*words)[2]

    judge(cases())


@pytest.fixture(scope="module")
def models(tiny, tmp_path_factory):
    """Members of saved models, one for each kind of encoder and of classifier."""
    with np.load(tiny) as arrays:
        X, y = arrays["X_train"], arrays["y_train"]
    pairs = [
        *(("raw", "svm"), ("raw", "knn"), ("raw", "mlp"), ("pca", "logreg")),
        *(("untrained", "ridge"), ("patch", "linear-svm"), ("conv", "kernel-ridge")),
    ]
    made = []
    for encoder, classifier in pairs:
        (one,) = make_encoders(
            [encoder],
            n_images=45,
            n_pixels=64,
            options={"random_state": 0},
            settings={"n_components": 4, "max_epochs": 1}
            if encoder in ("patch", "conv")
            else {"n_components": 4}
            if encoder != "raw"
            else {},
        ).values()
        features = one.fit_transform(X)
        fitted = make_classifier(
            classifier, n_features=features.shape[1], n_images=45
        ).fit(features, y)
        path = tmp_path_factory.mktemp("model") / "model.featx"
        featx.save(featx.Model.of(one, fitted, ["ant", "bee", "cat"]), path)
        with zipfile.ZipFile(path) as archive:
            made.append({name: archive.read(name) for name in archive.namelist()})
    return made


ODD = [
    *(None, True, False, 0, 1, 2, 3, -1, 7, 0.5, -0.5, 1e308, 1e999, float("nan")),
    *(2**31, 10**30, "", "x", "1", "auto", "é\udcff", [], [1], [0, 0], ["x"], [[1]]),
    *({}, {"a": 1}, [8, 8, 0], [8, -8, 1], [8, 8, 2], [8, 8], [10**9] * 3),
]


def places(value, path=()):
    """List where there is something in a document."""
    yield path
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, one in inside:
        yield from places(one, (*path, key))


def changed(document, rng, only=()):
    """Change, remove or repeat something in a document; say what."""
    document = json.loads(json.dumps(document))
    known = [path for path in places(document) if path and path[0] in (only or path)]
    path = known[rng.integers(len(known))]
    owner = document
    for key in path[:-1]:
        owner = owner[key]
    how = rng.integers(5)
    if how == 0:
        del owner[path[-1]]
        return document, f"no {path}"
    if how == 1 and isinstance(owner, list):
        owner.append(owner[path[-1]])
        return document, f"once more {path}"
    if how == 2 and isinstance(owner[path[-1]], int | float):
        owner[path[-1]] = -owner[path[-1]] - 1
        return document, f"negative {path}"
    owner[path[-1]] = ODD[rng.integers(len(ODD))]
    return document, f"{path} = {owner[path[-1]]!r}"


def changed_array(array, rng):
    """Change values, shape or type of an array; say how."""
    ways = {
        "NaN": lambda a: np.where(rng.random(a.shape) < 0.3, np.nan, a),
        "inf": lambda a: a * np.inf if a.size else a,
        "huge": lambda a: a * 1e300,
        "negative": lambda a: -a - 1,
        "shifted": lambda a: a + 1,
        "all alike": lambda a: a * 0,
        "short": lambda a: a[: len(a) // 2],
        "long": lambda a: np.concatenate([a, a]),
        "none": lambda a: a[:0],
        "scalar": lambda a: a.ravel()[0],
        "flat": lambda a: a.ravel(),
        "deep": lambda a: a[None],
        "turned": lambda a: a.T,
        "text": lambda a: a.astype(str),
        "floats": lambda a: a.astype(float) + 0.5,
        "complex": lambda a: a.astype(complex),
        "bytes": lambda a: a.astype(np.uint8),
        "switches": lambda a: a.astype(bool),
    }
    name = [*ways][rng.integers(len(ways))]
    with np.errstate(all="ignore"), contextlib.suppress(Exception):
        return np.asarray(ways[name](array)), name
    return array[:0] if array.ndim else np.zeros(3), "none"


def as_npy(array):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), allow_pickle=False)
    return stream.getvalue()


def hostile(members, rng):
    """Change one thing in a model; say what."""
    where = rng.integers(3)
    if where == 0:
        manifest, what = changed(json.loads(members["manifest.json"]), rng)
        return members | {"manifest.json": json.dumps(manifest)}, what
    told = []

    def inside(parts):
        if where == 1:
            schema, what = changed(json.loads(parts["schema.json"]), rng, ("content",))
            told.append(f"schema {what[-90:]}")
            return parts | {"schema.json": json.dumps(schema)}
        arrays = sorted(name for name in parts if name.endswith(".npy"))
        name = arrays[rng.integers(len(arrays))]
        array, what = changed_array(np.load(io.BytesIO(parts[name])), rng)
        told.append(f"array {what}")
        return parts | {name: as_npy(array)}

    model = remade(members["model.skops"], inside)
    return members | {"model.skops": model}, told[0]


def test_fields_of_models(models):
    rng = np.random.default_rng(1)
    pictures = []
    for number in range(3):
        path = Path(f"{number}.png")
        Image.fromarray(rng.integers(0, 256, (8, 8), np.uint8)).save(path)
        pictures.append(str(path))

    def cases():
        for _ in range(CASES):
            members, what = hostile(models[rng.integers(len(models))], rng)
            write(Path("hostile.featx"), members)
            code, out, wrong = call("predict", "hostile.featx", *pictures, "--quiet")
            if code == 0 and not wrong:
                lines = [line.split(",") for line in out.splitlines()[1:]]
                sure = [float(line[-1]) for line in lines]
                if len(lines) != 3 or not np.isfinite(sure).all():
                    wrong = f"said {out!r}"
            yield what, wrong

    judge(cases())


@pytest.fixture(scope="module")
def runs(tiny, tmp_path_factory):
    """Folders of runs: of one seed, and of several."""
    folder = tmp_path_factory.mktemp("runs")
    words = ["bench", tiny, "--encoders", "raw,patch", "--clf", "knn,ridge", "--quiet"]
    words += ["--epochs", "2", "--set", "patch.n_components=8"]
    words += ["--set", "patch.n_patches=300", "--cache-dir", str(folder / "cache")]
    assert main([*words, "--out", str(folder / "one")]) == 0
    assert main([*words, "--out", str(folder / "two"), "--repeats", "2"]) == 0
    return [folder / "one", folder / "two"]


def changed_npz(content, rng):
    with np.load(io.BytesIO(content)) as arrays:
        found = dict(arrays)
    name = sorted(found)[rng.integers(len(found))]
    if rng.integers(8) == 0:
        del found[name]
        what = f"no {name}"
    else:
        found[name], what = changed_array(found[name], rng)
        what = f"{name}, {what}"
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **found)
    return stream.getvalue(), what


COMMANDS = ["", "featx bench 'x", "\x00", "featx fit \\", "日本 " * 99, '"', "\xff"]


def test_files_of_runs(runs):
    rng = np.random.default_rng(2)

    def cases():
        for number in range(CASES):
            run = runs[rng.integers(2)]
            kinds = ["results.json"] * 7 + ["predictions.npz", "pictures.npz"]
            kinds += ["diagnostics.npz", "command.txt"]
            path = run / kinds[rng.integers(len(kinds))]
            whole = path.read_bytes()
            if path.suffix == ".json":
                document, what = changed(json.loads(whole), rng)
                path.write_text(json.dumps(document))
            elif path.suffix == ".npz":
                content, what = changed_npz(whole, rng)
                path.write_bytes(content)
            else:
                what = COMMANDS[rng.integers(len(COMMANDS))]
                path.write_text(what, "latin-1" if what == "\xff" else "utf-8")
            words = ["report", str(run)]
            words += ["--compare", str(runs[rng.integers(2)])] * (number % 4 == 0)
            words += ["--figures"] * (number % 50 == 0)
            code, _, wrong = call(*words)
            if code == 0 and not wrong and _has_nan(run / "report.html"):
                wrong = "the page shows NaN"
            path.write_bytes(whole)
            yield f"{path.name}: {what}", wrong

    judge(cases())


def _has_nan(page):
    text = re.sub(
        r"<script.*</script>|<style.*</style>", "", page.read_text(), flags=re.S
    )
    text = re.sub(r"data:image[^\"]*", "", text)
    return re.search(r"\b(nan|inf) %|>\s*(nan|inf)\s*<|=\"(nan|inf)\"", text)


def options_of(command, path=()):
    """List the commands, and what each takes that has a value."""
    if hasattr(command, "commands"):
        for name, one in command.commands.items():
            yield from options_of(one, (*path, name))
    else:
        for parameter in command.params:
            if not getattr(parameter, "is_flag", False):
                yield path, parameter


WORDS = [
    *("", " ", "   ", "0", "-1", "1", "1.5", "NaN", "inf", "-inf", "1e999", "9" * 30),
    *(
        "-" + "9" * 30,
        "9" * 5000,
        "x" * 300,
        "x" * 5000,
        "\udcff",
        "a\udcff.png",
        "日本",
    ),
    *(
        "é" * 200,
        "none",
        "none/none",
        "none.npz",
        "none.tar",
        "none.parquet",
        "file.txt",
    ),
    *(
        "file.npz",
        "file.featx",
        "file.tar",
        "folder",
        "folder/",
        ".",
        "./",
        "a=b",
        "a=0.5",
    ),
    *(
        "a=nan",
        "=1",
        "0=0.5",
        "0=-1",
        "1,2",
        ",",
        ",,",
        "raw,raw",
        "auto",
        "cuda",
        "cpu",
    ),
    *(
        "cpu:9",
        "cuda:99999999999999999999",
        "8x8",
        "0x0",
        "-8x8",
        "9999999999x1",
        "x",
        "-",
    ),
    *(
        "99999999999w",
        "9" * 400 + "G",
        "-5G",
        ".",
        "*",
        "[a",
        "x://y",
        "://",
        "~none/x",
    ),
    *("/dev/null", "/dev/full", "%s", "{}", "--", "a\nb", "\x1b[2J", "٣", "1_0", "+1"),
]


def test_values_of_options(tiny, runs, models):
    rng = np.random.default_rng(3)
    for name in ("file.txt", "file.npz", "file.featx", "file.tar"):
        Path(name).write_text("text")
    Path("folder").mkdir()
    write(Path("model.featx"), models[0])
    Image.fromarray(np.zeros((8, 8), np.uint8)).save("image.png")
    short = ["--encoder", "raw", "--quiet"]
    usual = {
        ("bench",): [[tiny], *short, "--clf", "knn"],
        ("fit",): [[tiny], *short, "--clf", "knn"],
        ("encode",): [[tiny], *short],
        ("train",): [[tiny], *short],
        ("data",): [[tiny], "--quiet"],
        ("predict",): [["model.featx"], ["image.png"], "--quiet"],
        ("report",): [[str(runs[0])]],
        ("cache", "ls"): [],
        ("cache", "rm"): [["abcd"]],
        ("cache", "verify"): [["abcd"], "--quiet"],
        ("cache", "prune"): ["--max-size", "1G"],
    }
    taken = list(options_of(typer.main.get_command(app)))

    def cases():
        for _ in range(CASES):
            path, parameter = taken[rng.integers(len(taken))]
            value = WORDS[rng.integers(len(WORDS))]
            words = [list(w) if isinstance(w, list) else w for w in usual[path]]
            arguments = [w for w in words if isinstance(w, list)]
            if parameter.param_type_name == "option":
                words += [parameter.opts[0], value]
            else:
                mine = [p for q, p in taken if q == path]
                names = [p.name for p in mine if p.param_type_name == "argument"]
                arguments[names.index(parameter.name)][0] = value
            words = [*path, *(w[0] if isinstance(w, list) else w for w in words)]
            yield f"{' '.join(path)} {parameter.name} {value}", call(*words)[2]

    judge(cases())
