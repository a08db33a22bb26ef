"""The base of every transformer that holds a network.

torch is imported where a network is built, trained or run, not before: whoever finds all
features in the cache does not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.utils import check_random_state

from featx.autoencoders.base import (
    Array,
    Cost,
    ReconstructingTransformer,
    batches,
    check_number,
)
from featx.autoencoders.mirror import resolve_augment

if TYPE_CHECKING:
    from torch import Tensor, nn

_BATCH_PIXELS = 2**26  # encoded or decoded at once, at most
_BATCH_FEATURES = 2**22  # likewise: memory beyond 32 MiB is given back and mapped anew


class NetworkTransformer(ReconstructingTransformer):
    """A transformer whose features are the code of a network, trained or not.

    After `_initialize` it has `module_`, `augment_` and `device_`; a pickle (or any
    other file made through `__getstate__`) holds the weights as plain arrays, so it
    needs no torch type and loads on a machine without the device it was fitted on.

    A subclass says in `_resolve` what its parameters mean for these images, and builds
    its network in `_build`.
    """

    n_components: int | str
    augment: str | None
    batch_size: int
    device: str
    precision: str
    random_state: int | np.random.RandomState | None
    module_: nn.Module
    precision_ = "float32"  # that of encoders fitted before there was a choice

    def _initialize(self, images: Array) -> int:
        """Build the network for these images on its device; return the seed drawn."""
        import torch

        from featx.autoencoders.device import choose_device, choose_dtype

        self._check_parameters()
        device = choose_device(self.device)
        dtype = choose_dtype(self.precision, device)
        self.precision_ = str(dtype).removeprefix("torch.")
        self._clip = (0.0, 255.0) if images.dtype == np.uint8 else None
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.augment_ = resolve_augment(self.augment, images, seed)
        self._resolve(images)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.module_ = self._build()
        self._prepare(images, seed)
        self.module_.to(memory_format=torch.channels_last).to(device).eval()
        self.device_ = str(device)
        self._n_features_out = int(self.module_.n_features)  # type: ignore[arg-type]
        return seed

    def _check_parameters(self) -> None:
        """Check those that have nothing to do with the network's shape."""
        check_number("batch_size", self.batch_size, 1, integer=True)

    def _resolve(self, images: Array) -> None:
        """Check the network's parameters and set what `_build` needs."""
        raise NotImplementedError

    def _build(self) -> nn.Module:
        """Build the network from parameters and fitted attributes."""
        raise NotImplementedError

    def resolved(self, n_images: int, image_shape: tuple[int, int, int]) -> Self:
        """Return a clone that has chosen its shape for such images, but is not fitted."""
        copy: Self = clone(self)
        copy.image_shape_ = image_shape
        copy._check_parameters()
        copy._resolve(np.broadcast_to(np.uint8(0), (n_images, *image_shape)))
        return copy

    def cost(self, n_images: int, image_shape: tuple[int, int, int]) -> Cost:
        """Say what training and encoding cost, without doing them.

        Counted for images that are mirrored too, which is the dearer case.
        """
        return self.resolved(n_images, image_shape)._count(n_images)

    def _count(self, n_images: int) -> Cost:
        """Count the operations of a network that is resolved."""
        raise NotImplementedError

    def _prepare(self, images: Array, seed: int) -> None:
        """Learn what the network needs before training, on the CPU."""

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Encode images.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images like those seen in `fit`.

        Returns
        -------
        ndarray of float32, shape (n, n_features)
            Features. They do not depend on the batch size or on the other rows beyond
            rounding: 1e-5 at float32, 1e-2 of the largest at bfloat16.

        Raises
        ------
        ValueError
            If the images differ in shape from those seen in `fit`.
        """
        images = self._check_fitted_images(X)
        features = np.empty((len(images), self._n_features_out), np.float32)
        self._encode_into(features, "encode", images)
        return features

    def _encode_into(self, rows: Array, method: str, images: Array) -> None:
        """Write what a method of the network says of images into as many rows."""
        import torch

        for some in self._batches(len(images)):
            # converts to float32, and copies from a device, in one pass
            torch.from_numpy(rows[some]).copy_(self._encoded(method, images[some]))

    def _encoded(self, method: str, images: Array) -> Tensor:
        """Run one batch through the network, averaged with its mirror image if so."""
        code = self._run(method, images)
        if self.augment_ != "flip":
            return code
        mirrored = self._run(method, images[:, :, ::-1])
        return (code.float() + mirrored.float()) / 2

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Decode features to images.

        Parameters
        ----------
        X : array-like, shape (n, n_features)
            Features as `transform` makes them.

        Returns
        -------
        ndarray of float32, shape (n, ...) as X had it in `fit`
            Reconstructions in the range of the images: [0, 255] after uint8.

        Raises
        ------
        ValueError
            If the number of features is not that of `transform`.
        """
        features = self._check_features(X)
        images = np.empty((len(features), *self.row_shape_), np.float32)
        for rows in self._batches(len(features)):
            images[rows] = self._decode(features[rows])
        return images

    def reconstruct(self, X: ArrayLike) -> NDArray[np.float32]:
        """Encode and decode images as they are.

        Most encoders do so without averaging over augmentations.

        Parameters
        ----------
        X : array-like, shape (n, h, w, c), (n, h, w) or (n, d)
            Images like those seen in `fit`.

        Returns
        -------
        ndarray of float32, shape (n, ...) as X had it in `fit`
            Reconstructions in the range of the images: [0, 255] after uint8.

        Raises
        ------
        ValueError
            If the images differ in shape from those seen in `fit`.
        """
        images = self._check_fitted_images(X)
        restored = np.empty((len(images), *self.row_shape_), np.float32)
        for rows in self._batches(len(images)):
            features = self._drawn_from(images[rows])
            restored[rows] = self._decode(features.cpu().numpy())
        return restored

    def _drawn_from(self, images: Array) -> Tensor:
        """Give the features of one batch that images are drawn from."""
        return self._run("encode", images).float()

    def _batches(self, n: int) -> Iterator[slice]:
        """Batches of `batch_size` images, fewer where images or features are many."""
        most = min(
            _BATCH_PIXELS // int(np.prod(self.image_shape_)),
            _BATCH_FEATURES // self._n_features_out,
        )
        return batches(n, max(1, min(self.batch_size, most)))

    def _decode(self, features: Array) -> Array:
        images = self._run("decode", features).float().cpu().numpy()
        images = images.reshape(-1, *self.row_shape_)
        return np.clip(images, *self._clip) if self._clip else images

    def _run(self, method: str, batch: Array) -> Tensor:
        """Call a method of the network on one batch; the device has the result.

        Where the memory of the device is not enough, on one half after the other.
        """
        import torch

        from featx.autoencoders.device import (
            choose_device,
            choose_dtype,
            tell_out_of_memory,
        )
        from featx.autoencoders.tensors import to_tensor

        device = choose_device(self.device)
        module = self.module_.to(device).eval()
        precision = "float32" if method == "decode" else self.precision
        if precision == "auto" and self.precision_ == "float32":
            precision = "float32"  # as it was fitted, whatever this machine can do
        dtype = choose_dtype(precision, device)
        try:
            with (
                torch.inference_mode(),
                torch.autocast(device.type, dtype, enabled=dtype != torch.float32),
            ):
                output: Tensor = getattr(module, method)(to_tensor(batch).to(device))
            return output
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
        halves = np.array_split(batch, 2)
        tell_out_of_memory(device, len(halves[0]))
        return torch.cat([self._run(method, half) for half in halves])

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "module_" in state:
            state["module_"] = {
                name: tensor.cpu().numpy()
                for name, tensor in self.module_.state_dict().items()
            }
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        weights = state.pop("module_", None)
        super().__setstate__(state)
        if weights is not None:
            import torch

            with torch.random.fork_rng(devices=[]):
                self.module_ = self._build()
            self.module_.load_state_dict(
                {name: torch.tensor(array) for name, array in weights.items()}
            )
            self.module_.to(memory_format=torch.channels_last).eval()
