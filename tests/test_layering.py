"""Imports go one way, and heavy libraries stay where they belong."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import featx
from featx.cli import main

ROOT = Path(featx.__file__).parent
LAYERS = [  # each may import those before it
    ("_version", "system"),
    ("catalog", "errors", "names"),
    ("own_code",),
    ("plugins", "remote"),
    ("output_files", "store"),
    ("memory_maps",),
    ("machine",),
    ("workers",),
    ("images",),
    ("autoencoders",),
    ("encoders",),
    ("features",),
    ("classifiers",),
    ("archive", "known_images"),
    ("model",),
    ("evidence",),
    ("bundle",),
    ("export",),
    ("prediction",),
    ("serve",),
    ("evaluation",),
    ("suggestion",),
    ("reports",),
    ("experiment",),
    ("cli",),
    ("__main__",),
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
LATE = {  # what a method may import, when it is called, from a layer above
    Path(
        "evaluation/results.py"
    ): "featx.reports",  # a comparison saves and draws itself
}
MODULES = sorted(p.relative_to(ROOT) for p in ROOT.rglob("*.py"))


def imports(path):
    """Names of all modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module
            if node.module == "featx":
                yield from (f"featx.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_go_one_way(path):
    if path == Path("__init__.py"):
        return
    own = LEVEL[path.parts[0].removesuffix(".py")]
    for name in imports(path):
        if name == LATE.get(path):
            continue
        head, _, rest = name.partition(".")
        if head == "featx" and rest and rest.split(".")[0] in LEVEL:
            assert LEVEL[rest.split(".")[0]] <= own, f"{path} imports {name}"


@pytest.mark.parametrize(("path", "module"), LATE.items(), ids=str)
def test_what_comes_late_is_imported_inside_a_method(path, module):
    tree = ast.parse((ROOT / path).read_text())
    assert module in {getattr(node, "module", None) for node in ast.walk(tree)}
    assert module not in {getattr(node, "module", None) for node in tree.body}


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("torch", {"autoencoders", "encoders", "export", "features"}),
        ("torchvision", {"encoders", "images"}),
        ("matplotlib", {"reports"}),
        ("typer", {"cli"}),
        ("starlette", {"serve"}),
        ("uvicorn", {"serve"}),
        ("python_multipart", {"serve"}),
        ("ray", {"features", "experiment", "workers.py"}),
        ("pickle", set()),
        ("seaborn", {"reports"}),
        ("pandas", {"reports", "evaluation"}),
    ],
)
def test_a_heavy_library_stays_in_its_place(library, allowed):
    users = {
        path.parts[0]
        for path in MODULES
        for name in imports(path)
        if name.partition(".")[0] == library
    }
    assert users <= allowed


DANGEROUS = {  # they run what a file says
    *("eval", "exec", "compile", "__import__", "torch.load", "joblib.load"),
    *("yaml.load", "yaml.unsafe_load", "pickle.load", "pickle.loads"),
    *("pandas.read_pickle", "os.system", "os.popen", "marshal.loads", "shelve.open"),
}


SAFE = {
    Path("encoders/weights.py"): {"torch.load", "weights_only=True"}
}  # tensors alone


def dangers(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) in DANGEROUS:
                yield ast.unparse(node.func)
            for given in node.keywords:
                if given.arg in ("allow_pickle", "shell", "weights_only"):
                    yield ast.unparse(given)


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_nothing_runs_what_a_file_says(path):
    found = set(dangers((ROOT / path).read_text()))
    assert found <= {"allow_pickle=False", *SAFE.get(path, ())}


def test_dangers_are_seen():
    source = "import os\nnp.load(f, allow_pickle=True)\neval(s)\nmodule.eval()\n"
    source += "torch.load(f)\ntorch.load(f, weights_only=False)\n"
    assert list(dangers(source)) == [
        *("allow_pickle=True", "eval", "torch.load", "torch.load"),
        "weights_only=False",
    ]


def test_torch_and_matplotlib_are_not_imported_before_they_are_needed():
    steps = [
        "import featx; dir(featx)",
        "import featx.cli; featx.cli.main(['--help'])",
        "assert 'pandas' not in sys.modules",  # scikit-learn imports it
        "from featx import load_dataset, make_classifier",
        "import featx.reports, featx.evaluation",
    ]
    heavy = {"torch", "matplotlib", "seaborn"}
    check = f"import sys; assert not {heavy} & set(sys.modules)"
    subprocess.run(
        [
            sys.executable,
            "-c",
            "\n".join(f"{step}\n{check}, {step!r}" for step in steps),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def test_fitting_on_cached_features_imports_neither_torch_nor_skops(tmp_path):
    words = ["--encoder", "conv", "--epochs", "1", "--limit", "100", "--quiet"]
    words += ["--cache-dir", str(tmp_path)]
    code = f"""
import sys
from featx.cli import main
assert main(["encode", *{words}]) == 0
assert main(["fit", "--clf", "knn", *{words}]) == 0
assert not {{"torch", "skops", "matplotlib", "seaborn"}} & set(sys.modules)
"""
    assert main(["encode", *words]) == 0
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_cached_features_are_found_with_little_of_scikit_learn(tmp_path):
    images = tmp_path / "images"
    rng = np.random.default_rng(0)
    for name in [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(10)]:
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(images / name)
    words = ["encode", str(images), "--encoder", "untrained", "--quiet"]
    words += ["--cache-dir", str(tmp_path / "cache")]
    code = f"""
import sys
from featx.cli import main
assert main({words}) == 0
heavy = {{"torch", "skops", "matplotlib", "seaborn", "sklearn.decomposition"}}
assert not (heavy | {{"sklearn.linear_model"}}) & set(sys.modules)
"""
    assert main(words) == 0
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_repeated_bench_draws_nothing(tmp_path):
    words = ["bench", "--encoders", "raw,conv", "--clf", "knn", "--epochs", "2"]
    words += ["--limit", "100", "--quiet", "--cache-dir", str(tmp_path / "cache")]
    words += ["--out", str(tmp_path / "run")]
    code = f"""
import sys
from featx.cli import main
assert main({words}) == 0
assert not {{"torch", "skops", "matplotlib", "seaborn"}} & set(sys.modules)
"""
    assert main(words) == 0
    assert not (tmp_path / "run" / "figures").exists()
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_help_answers_in_half_a_second():
    code = (
        "import time; t = time.perf_counter(); import featx.cli;"
        "featx.cli.main(['--help']); import sys;"
        "sys.stderr.write(str(time.perf_counter() - t))"
    )
    times = [
        float(
            subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            ).stderr
        )
        for _ in range(5)
    ]
    assert min(times) < 0.5


@pytest.mark.parametrize("command", ["bench", "fit"])
def test_scipy_knows_of_tensors_when_it_is_imported(tmp_path, command):
    code = f"""
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "scipy":
            seen.append(os.environ.get("SCIPY_ARRAY_API"))

seen = []
sys.meta_path.insert(0, Watch())
from featx.cli import main
main([{command!r}, "--device", "cuda", "--limit", "50", "--clf", "knn", "-q"])
assert seen == ["1"], seen
"""
    env = {k: v for k, v in os.environ.items() if k != "SCIPY_ARRAY_API"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env | {"FEATX_CACHE": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
