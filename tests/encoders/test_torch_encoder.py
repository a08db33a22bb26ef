"""Any torch module as an encoder."""

import pickle

import numpy as np
import pytest
import torch
import torchvision
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor

from featx import TorchEncoder, bench
from featx.errors import DataError, FeatxWarning, MissingDataError, ParameterError

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (12, 16, 16, 3), np.uint8)


def linear():
    """Layers that take images of any number of pixels."""
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(8), nn.Tanh())


def small(channels=3, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(channels, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2),
        )


def resnet():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torchvision.models.resnet18(weights=None, num_classes=7)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore:Lazy modules")
@parametrize_with_checks([TorchEncoder("test_torch_encoder:linear")])
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_features_are_those_of_a_plain_loop():
    module = resnet().eval()
    nodes = {"layer2": "a", "layer4": "b"}
    extract = create_feature_extractor(module, nodes)
    mean, deviation = (
        torch.tensor(v).view(1, 3, 1, 1)
        for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    x = torch.from_numpy(X).permute(0, 3, 1, 2).float() / 255
    x = nn.functional.interpolate(
        x, (48, 40), mode="bilinear", align_corners=False, antialias=True
    )
    with torch.inference_mode():
        maps = extract((x - mean) / deviation)
        pooled = [nn.functional.adaptive_avg_pool2d(maps[k], 2) for k in "ab"]
        expected = torch.cat([one.flatten(1) for one in pooled], 1).numpy()
    encoder = TorchEncoder(
        module,
        layers=["layer2", "layer4"],
        pool=2,
        size=(48, 40),
        preprocess="imagenet",
        batch_size=5,
    )
    np.testing.assert_allclose(encoder.fit_transform(X), expected, atol=1e-5)


def test_the_module_of_the_caller_stays_as_it_is():
    module = small().train()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    state = torch.get_rng_state()
    encoder = TorchEncoder(module).fit(X)
    encoder.transform(X)
    assert module.training and not encoder.module_.training
    assert all(one.requires_grad for one in module.parameters())
    assert not any(one.requires_grad for one in encoder.module_.parameters())
    for key, value in module.state_dict().items():
        assert torch.equal(value, before[key])
    assert torch.equal(torch.get_rng_state(), state)
    assert not module._forward_hooks


def test_features_do_not_depend_on_the_batch_or_the_precision():
    whole = TorchEncoder(small(), pool=2).fit_transform(X)
    assert whole.shape == (12, 64) and whole.dtype == np.float32
    parts = TorchEncoder(small(), pool=2, batch_size=5).fit_transform(X)
    np.testing.assert_allclose(parts, whole, atol=1e-5)
    half = TorchEncoder(small(), pool=2, precision="bfloat16").fit_transform(X)
    np.testing.assert_allclose(half, whole, atol=0.05)
    assert not np.array_equal(half, whole)


def test_gray_images_are_repeated_for_three_channels():
    gray = X[..., :1]
    wide = TorchEncoder(small()).fit_transform(np.repeat(gray, 3, axis=-1))
    np.testing.assert_allclose(TorchEncoder(small()).fit_transform(gray), wide)
    one = TorchEncoder(small(channels=1)).fit_transform(gray)
    assert one.shape == (12, 16)


def test_tokens_are_averaged_and_a_function_preprocesses():
    class Tokens(nn.Module):
        def forward(self, x):
            return x.flatten(2).transpose(1, 2)  # (B, pixels, channels)

    found = TorchEncoder(Tokens(), preprocess=lambda x: 1 - x).fit_transform(X)
    np.testing.assert_allclose(found, 1 - X.mean((1, 2)) / 255, atol=1e-5)


@pytest.mark.parametrize("end", ["pt", "safetensors"])
def test_weights_from_a_file(tmp_path, end):
    path = tmp_path / f"weights.{end}"
    module = small()
    if end == "pt":
        torch.save({"state_dict": module.state_dict()}, path)
    else:
        pytest.importorskip("safetensors.torch").save_file(module.state_dict(), path)
    expected = TorchEncoder(module).fit_transform(X)

    def untrained():
        return small(seed=5)

    other = TorchEncoder(untrained).fit_transform(X)
    found = TorchEncoder(untrained, weights=path).fit_transform(X)
    assert np.array_equal(found, expected) and not np.allclose(other, expected)


def test_a_module_by_its_name():
    encoder = TorchEncoder("torchvision.models:squeezenet1_1", layers=["features"])
    assert encoder.fit_transform(X[:2].repeat(3, 1).repeat(3, 2)).shape == (2, 512)


def test_it_is_a_row_like_any_other(dataset, cache):
    module = small(channels=dataset.image_shape[2])
    results = bench(dataset, {"mine": TorchEncoder(module)}, ["ridge"], cache=cache)
    assert results.best.encoder == "mine" and results.best.n_features == 16
    again = bench(dataset, {"mine": TorchEncoder(module)}, ["ridge"], cache=cache)
    assert again.best.cached["features"] and again.best.cached["classifier"]
    with torch.no_grad():
        module[0].bias += 1
    changed = bench(dataset, {"mine": TorchEncoder(module)}, ["ridge"], cache=cache)
    assert not changed.best.cached["features"]


def test_a_pickle_gives_the_same_features():
    encoder = TorchEncoder(small(), layers=["2"]).fit(X)
    again = pickle.loads(pickle.dumps(encoder))
    assert np.array_equal(again.transform(X), encoder.transform(X))


class Saying(nn.Module):
    """Says anything."""

    def __init__(self, what):
        super().__init__()
        self.what = what

    def forward(self, x):
        return self.what(x)


def raises():
    raise OSError("no disk")


@pytest.mark.parametrize(
    ("module", "how", "error", "words"),
    [
        (Saying(lambda x: (x, x)), {}, DataError, "tuple from Saying"),
        (Saying(lambda x: {"a": x}), {}, DataError, "dict from Saying"),
        (Saying(lambda x: x.flatten(1) / 0), {}, DataError, "no finite numbers"),
        (Saying(lambda x: x[:1].flatten(1)), {}, DataError, "1 rows of Saying for 2"),
        (Saying(lambda x: x.mean()), {}, DataError, r"shape \(\) from Saying"),
        (Saying(lambda x: x.flatten(1).long()), {}, DataError, "floating-point"),
        (Saying(lambda x: x @ x[0, 0, :9]), {}, DataError, "cannot take"),
        (resnet(), {"layers": ["layer9"]}, ParameterError, "such as layer4"),
        (small(), {"layers": "2"}, ParameterError, "list of different names"),
        (small(), {"layers": []}, ParameterError, "list of different names"),
        (small(), {"pool": 0}, ParameterError, "pool=0"),
        (small(), {"size": (0, 3)}, ParameterError, "size=0"),
        (small(), {"preprocess": "cifar"}, ParameterError, "'imagenet'"),
        (small(), {"precision": "half"}, ParameterError, "half"),
        (small(), {"weights": "nothing.pt"}, MissingDataError, "no such file"),
        (raises, {}, ParameterError, "raised OSError: no disk"),
        (dict, {}, ParameterError, "gives dict"),
        (3, {}, ParameterError, "which is int"),
        ("torchvision", {}, ParameterError, "package.module:Thing"),
        ("torchvision.modelz:resnet18", {}, ParameterError, "cannot be imported"),
        ("torchvision.models:resnet19", {}, ParameterError, "Did you mean resnet1"),
    ],
)
def test_refused(module, how, error, words):
    with pytest.raises(error, match=words):
        TorchEncoder(module, **how).fit(X)


def test_weights_of_another_architecture_or_none_at_all(tmp_path):
    path = tmp_path / "weights.pt"
    torch.save(nn.Conv2d(3, 8, 5).state_dict(), path)
    with pytest.raises(
        DataError, match=r"without 0.weight, .* and 5 more, with weight, bias"
    ):
        TorchEncoder(small(), weights=path).fit(X)
    state = small().state_dict() | {"0.bias": torch.zeros(9)}
    torch.save(state, path)
    with pytest.raises(DataError, match=r"size mismatch for 0\.bias"):
        TorchEncoder(small(), weights=path).fit(X)
    torch.save({"epoch": 3}, path)
    with pytest.raises(DataError, match="expected tensors by name"):
        TorchEncoder(small(), weights=path).fit(X)
    path.write_bytes(pickle.dumps(raises))
    with pytest.raises(DataError, match="cannot be read as tensors alone"):
        TorchEncoder(small(), weights=path).fit(X)
    path.write_text("nothing")
    with pytest.raises(DataError, match="cannot be read as tensors alone"):
        TorchEncoder(small(), weights=path).fit(X)


def test_a_weights_file_runs_nothing(tmp_path):
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(mark), "w"))

    path = tmp_path / "weights.pt"
    torch.save({"0.bias": Evil()}, path)
    with pytest.raises(DataError, match="as tensors alone"):
        TorchEncoder(small(), weights=path).fit(X)
    assert not mark.exists()


def test_the_cost_is_counted():
    cost = TorchEncoder(small(), pool=2).cost(1000, (16, 16, 3))
    first, second = 16 * 16 * 9 * 3 * 8, 7 * 7 * 9 * 8 * 16
    assert cost == (0, 2 * (first + second), 64)


def test_layers_that_work_in_place_change_nothing_that_was_said():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True)).eval()
    found = TorchEncoder(module, layers=["0", "1"], pool=2).fit_transform(X)
    before, after = found[:, :16], found[:, 16:]
    assert before.min() < 0 <= after.min()


class Viewing(nn.Module):
    """Flattens with view, as many do."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        return self.conv(x).view(x.shape[0], -1)


def test_a_module_may_count_on_the_order_of_values():
    assert TorchEncoder(Viewing()).fit_transform(X).shape == (12, 4 * 14 * 14)


@pytest.mark.parametrize(
    ("images", "low", "high"),
    [
        (X > 127, 0, 1),
        (X.astype(np.uint16) * 257, 0, 1),
        (X / 255, 0, 1),
        (X / 127.5 - 1, 0, 1),
        (X.astype(float), 0, 1),
        (np.full((3, 8, 8, 1), 7.0), 0, 0),
    ],
)
def test_images_of_any_range_become_numbers_from_0_to_1(images, low, high):
    found = TorchEncoder(nn.Flatten()).fit_transform(images)
    assert found.min() == pytest.approx(low, abs=0.01)
    assert found.max() == pytest.approx(high, abs=0.01)


def test_a_lazy_module_goes_through_the_cache(dataset, cache):
    module = nn.Sequential(nn.Flatten(), nn.LazyLinear(4))
    encoders = {"lazy": TorchEncoder(module)}
    with pytest.warns(FeatxWarning, match="fitted each time"):
        results = bench(dataset, encoders, ["ridge"], cache=cache)
    assert results.best.n_features == 4


def test_weights_of_older_files_and_of_several_devices(tmp_path):
    path = tmp_path / "old.pt"
    state = small().state_dict()
    del state["1.num_batches_tracked"]
    torch.save({f"module.{key}": value for key, value in state.items()}, path)
    found = TorchEncoder(small, weights=path).fit_transform(X)
    assert np.array_equal(found, TorchEncoder(small()).fit_transform(X))


def test_a_half_module_is_run_in_single_precision():
    found = TorchEncoder(small().half()).fit_transform(X)
    np.testing.assert_allclose(found, TorchEncoder(small()).fit_transform(X), atol=0.01)


def test_a_layer_that_is_not_used_is_told():
    module = small()
    module.register_module("idle", nn.Linear(2, 2))
    module.forward = nn.Sequential(*list(small())).forward
    with pytest.raises(DataError, match="does not use"):
        TorchEncoder(module, layers=["idle"]).fit(X)


def test_without_memory_a_batch_is_halved_and_said_so(monkeypatch):
    encoder = TorchEncoder(small(), pool=2).fit(X)
    expected = encoder.transform(X)
    forward = nn.Sequential.forward

    def limited(self, x):
        if len(x) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, x)

    monkeypatch.setattr(nn.Sequential, "forward", limited)
    with pytest.warns(FeatxWarning, match="too little memory on cpu; 6 images"):
        found = encoder.transform(X)
    np.testing.assert_allclose(found, expected, atol=1e-5)

    def full(self, x):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(nn.Sequential, "forward", full)
    with (
        pytest.warns(FeatxWarning, match="too little memory"),
        pytest.raises(torch.OutOfMemoryError),
    ):
        encoder.transform(X)


def test_results_name_a_module_and_do_not_print_it(dataset, cache):
    encoders = {"net": TorchEncoder(small(), preprocess=torch.square, pool=2)}
    (row,) = bench(dataset, encoders, ["ridge"], cache=cache).rows
    assert row.encoder_params["module"] == "Sequential"
    assert row.encoder_params["preprocess"] == "square"
