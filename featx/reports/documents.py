"""The comparison as documents: JSON for programs, a Markdown page for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from featx.evaluation.results import BenchResults


def _plain(value: Any) -> Any:
    """Turn a parameter or result into something that JSON can hold."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return sorted(map(str, value))
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def dumps(value: Any, *, indent: int | None = None) -> str:
    """Write plain data as strict JSON, in ASCII, keys in their order.

    Numbers that are not finite become null, and other objects their text. Without
    `indent` all stands on one line.

    >>> import numpy as np
    >>> dumps({"a": np.float32(0.5), "b": float("nan"), "c": (1, 2)})
    '{"a": 0.5, "b": null, "c": [1, 2]}'
    """
    return json.dumps(_plain(value), indent=indent, allow_nan=False)


def to_json(results: BenchResults, *, histories: bool = False) -> str:
    """Write a comparison as its documented JSON document, indented by 2.

    `histories` adds the losses of each epoch, by encoder.

    Examples
    --------
    >>> import json
    >>> from featx.reports.examples import example_results
    >>> list(json.loads(to_json(example_results())))[:5]
    ['featx', 'data', 'protocol', 'machine', 'rows']
    """
    document = results.to_dict()
    if histories:
        document["histories"] = dict(sorted(results.histories.items()))
    return dumps(document, indent=2)
