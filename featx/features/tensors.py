"""Features on a device and back, for classifiers that can be fitted there."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
from sklearn.base import BaseEstimator


def to_tensor(array: NDArray[Any], device: str) -> Any:
    """Copy an array to a device, such as "cuda"; the tensor has the same dtype.

    Raises
    ------
    ParameterError
        If the device is not known or not there.

    Examples
    --------
    >>> import numpy as np
    >>> to_tensor(np.arange(3), "cpu")
    tensor([0, 1, 2])
    """
    import torch

    from featx.autoencoders.device import choose_device

    return torch.tensor(array, device=choose_device(device))


def to_numpy(value: Any) -> Any:
    """Bring tensors back, alone or as attributes of an estimator, changed in place.

    Anything else stays what it is.

    Examples
    --------
    >>> import numpy as np
    >>> to_numpy(to_tensor(np.arange(3), "cpu"))
    array([0, 1, 2])
    """
    if isinstance(value, BaseEstimator):
        for name, attribute in vars(value).items():
            setattr(value, name, to_numpy(attribute))
    elif hasattr(value, "detach"):
        return value.detach().cpu().numpy()
    return value
