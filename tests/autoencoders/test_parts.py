"""Halves of a batch side by side: the same gradients, statistics and results each time."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import ConvAutoencoder
from featx.autoencoders import parts as parts_module
from featx.autoencoders.parts import Parts
from featx.autoencoders.processes import Processes


class Network(nn.Module):
    """Batch normalization and one layer; the loss is a mean over the images."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.layer = nn.Linear(3, 1)

    def loss(self, images, generator):
        return self.layer(self.norm(images)).square().mean()


class Plain(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def loss(self, images, generator):
        return self.layer(images).square().mean()


@pytest.fixture
def images():
    return torch.randn(9, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(parts_module, "_LARGE", 0)


def loss_of(images):
    return lambda module, rows, noise: module(images[rows], noise)


def made(network):
    return Parts(network, Processes(), seed=0, n_values=27)


def test_a_small_network_runs_in_one_part_on_one_thread(images):
    before = torch.get_num_threads()
    parts = made(Plain())
    with parts.threads():
        assert parts.n_side_by_side == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_threads_come_back_after_an_error(large):
    before = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt), made(Plain()).threads():
        raise KeyboardInterrupt
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 9])
def test_gradients_of_halves_add_up_to_those_of_the_batch(images, large, n):
    network = Plain()
    rows = np.arange(n)
    expected = network.loss(images[rows], None)
    gradients = torch.autograd.grad(expected, list(network.parameters()))
    parts = made(network)
    assert parts.n_side_by_side == 2
    with parts.threads():
        for _ in range(2):  # the second step begins from nought
            loss = parts.gradients(rows, 1.0, loss_of(images))
            torch.testing.assert_close(loss, expected.detach())
            for weight, gradient in zip(network.parameters(), gradients, strict=True):
                torch.testing.assert_close(weight.grad, gradient)


def test_weight_multiplies_loss_and_gradients(images, large):
    network = Plain()
    parts = made(network)
    rows = np.arange(9)
    with parts.threads():
        once = parts.gradients(rows, 1.0, loss_of(images))
        of_once = network.layer.weight.grad.clone()
        twice = parts.gradients(rows, 2.0, loss_of(images))
    torch.testing.assert_close(twice, 2 * once)
    torch.testing.assert_close(network.layer.weight.grad, 2 * of_once)


def test_halves_see_what_a_step_made_of_the_weights(images, large):
    network = Plain()
    parts = made(network)
    rows = np.arange(8)
    with parts.threads(), torch.no_grad():
        network.layer.weight.mul_(3)
        network.layer.bias.fill_(1)
        expected = network.loss(images[rows], None)
        with torch.enable_grad():
            loss = parts.gradients(rows, 1.0, loss_of(images))
    torch.testing.assert_close(loss, expected)


def test_batch_statistics_are_the_mean_of_those_of_the_halves(images, large):
    network = Network().train()
    parts = made(network)
    with parts.threads():
        for _ in range(2):
            parts.gradients(np.arange(8), 1.0, loss_of(images))
    means, variances = torch.zeros(3), torch.ones(3)
    halves = images[:4], images[4:8]
    for _ in range(2):
        means = 0.9 * means + 0.1 * (halves[0].mean(0) + halves[1].mean(0)) / 2
        variances = 0.9 * variances + 0.1 * (halves[0].var(0) + halves[1].var(0)) / 2
    torch.testing.assert_close(network.norm.running_mean, means)
    torch.testing.assert_close(network.norm.running_var, variances)
    assert network.norm.num_batches_tracked == 2


def test_mean_loss_is_that_of_all_rows_and_learns_nothing(images, large):
    network = Network().eval()
    parts = made(network)
    expected = network.loss(images, None).item()
    with parts.threads():
        found = parts.mean_loss(np.arange(9), 4, loss_of(images))
    assert found == pytest.approx(expected, rel=1e-6)
    assert network.norm.num_batches_tracked == 0
    assert network.layer.weight.grad is None


def test_noise_differs_between_halves(large):
    parts = made(Plain())
    drawn = [torch.rand(3, generator=one) for one in parts.generators]
    assert not torch.equal(*drawn)


def test_an_error_in_a_half_is_told(images, large):
    def fails(module, rows, noise):
        if rows[0] > 0:
            raise ValueError("broken half")
        return module(images[rows], noise)

    parts = made(Plain())
    with parts.threads(), pytest.raises(ValueError, match="broken half"):
        parts.gradients(np.arange(8), 1.0, fails)


def test_memory_that_is_short_makes_more_parts_in_turn(images):
    def fits_four(module, rows, noise):
        if len(rows) > 4:
            raise torch.OutOfMemoryError
        return module(images[rows], noise)

    network = Plain()
    expected = network.loss(images[:8], None).item()
    parts = made(network)
    with parts.threads(), pytest.warns(UserWarning, match="too little memory"):
        loss = parts.gradients(np.arange(8), 1.0, fits_four)
    assert parts.n_in_turn == 2
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_halves_give_the_same_network_every_time(large):
    X = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), np.uint8)
    first, second = (
        ConvAutoencoder(
            n_components=8, max_epochs=3, batch_size=16, random_state=0
        ).fit(X)
        for _ in range(2)
    )
    assert first.history_ == second.history_
    np.testing.assert_array_equal(first.transform(X), second.transform(X))


def test_halves_learn_as_well_as_the_whole_batch(monkeypatch):
    X = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1), np.uint8)
    X = np.broadcast_to(X[:, :1, :1], X.shape)  # easy images: of one gray each
    losses = []
    for least in (0, np.inf):
        monkeypatch.setattr(parts_module, "_LARGE", least)
        encoder = ConvAutoencoder(n_components=8, max_epochs=20, random_state=0)
        losses.append(encoder.fit(X).history_["loss"][-1])
    assert losses[0] == pytest.approx(losses[1], rel=0.3)
    assert losses[0] < 0.5


def test_one_thread_gives_what_two_give(large):
    X = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 3), np.uint8)
    before = torch.get_num_threads()
    found = []
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            encoder = ConvAutoencoder(n_components=8, max_epochs=2, random_state=0)
            found.append(encoder.fit(X).transform(X))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-3, atol=1e-4)


def test_a_twin_shares_all_that_training_does_not_change():
    network = Network()
    network.register_buffer("large", torch.zeros(1000))
    twin = parts_module._twin(network)
    assert twin.large is network.large
    assert twin.norm.running_mean is not network.norm.running_mean
    assert twin.layer.weight is not network.layer.weight
    assert twin.layer.weight.data_ptr() == network.layer.weight.data_ptr()
