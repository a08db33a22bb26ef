import json
from pathlib import Path


def test_data_shows_counts_and_draws_samples(run, folder):
    code, out, err = run("data", folder, "--keep", "b=0.5")
    assert code == 0
    row = next(line for line in out.splitlines() if line.strip().startswith("b"))
    assert row.split() == ["b", "10", "1", "10"]
    assert list(Path().iterdir()) == []  # nothing is written that was not asked for
    code, _, err = run("data", folder, "--grid", "grid.png")
    assert code == 0 and "Samples per class: grid.png" in err
    assert Path("grid.png").stat().st_size > 1000
    code, out, _ = run("data", folder, "--json", "--size", "4x6")
    data = json.loads(out)["data"]
    assert data["image_shape"] == [4, 6, 3] and data["train_per_class"] == [20, 20, 20]


def test_the_origin_s_set_up_on_real_images(run, cifar10):
    thin = [x for name in ("bird", "deer", "truck") for x in ("--keep", f"{name}=0.5")]
    code, out, _ = run("data", cifar10, *thin, "--json", "--quiet")
    data = json.loads(out)["data"]
    assert code == 0 and (data["n_train"], data["n_test"]) == (42_500, 10_000)
    assert data["train_per_class"][2] == 2_500
