"""Training a small convolutional autoencoder, against a plain DataLoader loop.

The same network from the same weights, batch size, optimizer and schedule; the plain loop
normalizes image by image, as the tutorials do.
"""

from __future__ import annotations

from benchmarks import plain_torch, synthetic, training_rate
from benchmarks.measure import Done, Work
from featx import ConvAutoencoder

SAYS = "training a 32-64-128 convolutional autoencoder against a DataLoader loop"
UNIT = "images"
BAR = 8.0
AGREE, RELATIVE = 0.05, True  # of the final losses
FULL = {"n_images": 10_240, "epochs": 3, "batch_size": 512}
QUICK = {"n_images": 128, "epochs": 1, "batch_size": 64}


def operations(**size: object) -> float:
    """Count what the convolutions of one image take, forwards and backwards."""
    return training_rate.operations_per_image((32, 64, 128))


def encoder(epochs: int, batch_size: int) -> ConvAutoencoder:
    """Build the autoencoder of 32-64-128 channels."""
    return ConvAutoencoder(
        n_components=128,
        hidden_channels=(32, 64),
        noise=0,
        mask_fraction=0,
        augment=None,
        max_epochs=epochs,
        batch_size=batch_size,
        early_stopping=False,
        random_state=0,
    )


def ours(n_images: int, epochs: int, batch_size: int) -> Work:
    """Fit the estimator."""
    X = synthetic.images(n_images)
    encoder(1, batch_size).fit(X[: 2 * batch_size])

    def work() -> Done:
        fitted = encoder(epochs, batch_size).fit(X)
        return Done(epochs * n_images, fitted.history_["loss"][-1])

    return work


def plain(n_images: int, epochs: int, batch_size: int) -> Work:
    """Run the loop of the tutorials on the same network."""
    X = synthetic.images(n_images)
    # no step is taken at this learning rate: the network as it is before training
    start = encoder(1, batch_size).set_params(learning_rate=1e-12, weight_decay=0.0)
    network = start.fit(X).module_.cpu()
    scale = network.normalization
    pictures = plain_torch.Pictures(X, scale.mean, scale.std)
    parameters = encoder(epochs, batch_size).get_params()

    def work() -> Done:
        loss = plain_torch.train(
            plain_torch.with_plain_layers(network),
            plain_torch.loader(pictures, batch_size, shuffle=True),
            epochs=epochs,
            learning_rate=parameters["learning_rate"],
            weight_decay=parameters["weight_decay"],
        )
        return Done(epochs * n_images, loss)

    return work
