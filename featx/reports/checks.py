"""What results.json and curve.json must hold before anything of them is shown.

They may have been edited, cut short or mixed with another run. Whatever is read
here raises ValueError for what it finds; `load_run` and `load_curve` tell it with the
remedy.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from featx.evaluation.result import DENSE

_DEEPEST = 20  # levels of a document; featx writes five


class _Kind(NamedTuple):
    """A kind of plain values, and what a JSON schema calls it."""

    name: str
    fits: Callable[[Any], bool]
    schema: dict[str, Any]


def _number(value: Any) -> bool:
    return type(value) in (int, float) and -1e30 <= value <= 1e30


def _held_out(value: Any) -> bool:
    if value is None:
        return True
    return (
        isinstance(value, dict)
        and value.keys() == {"accuracy", "n_images"}
        and _number(value["accuracy"])
        and 0 <= value["accuracy"] <= 1
        and type(value["n_images"]) is int
        and 0 < value["n_images"] < 2**53
    )


TEXT = _Kind("text", lambda value: isinstance(value, str), {"type": "string"})
_FACTS = _Kind("an object", lambda value: isinstance(value, dict), {"type": "object"})
_SWITCH = _Kind(
    "true or false", lambda value: isinstance(value, bool), {"type": "boolean"}
)
COUNT = _Kind(
    "a whole number of at least 0",
    lambda value: type(value) is int and 0 <= value < 2**53,
    {"type": "integer", "minimum": 0},
)
SHARE = _Kind(
    "a number from 0 to 1",
    lambda value: _number(value) and 0 <= value <= 1,
    {"type": "number", "minimum": 0, "maximum": 1},
)
_DIFFERENCE = _Kind(
    "a number from -1 to 1",
    lambda value: _number(value) and -1 <= value <= 1,
    {"type": "number", "minimum": -1, "maximum": 1},
)
_AMOUNT = _Kind(
    "a number of at least 0",
    lambda value: _number(value) and value >= 0,
    {"type": "number", "minimum": 0},
)
_LOSS = _Kind(
    "a number or null",
    lambda value: value is None or _number(value),
    {"type": ["number", "null"]},
)
_HELD_OUT = _Kind(
    "null or an accuracy of some images",
    lambda value: _held_out(value),
    {
        "type": ["object", "null"],
        "required": ["accuracy", "n_images"],
        "properties": {"accuracy": SHARE.schema, "n_images": COUNT.schema},
    },
)

# Of an object, what stands under each key, or under every one where the key is `str`; a
# question mark ends the name of a key that may be absent. A list has one kind of values.
_SCORES: dict[Any, Any] = {
    "precision": SHARE,
    "recall": SHARE,
    "f1": SHARE,
    "support": COUNT,
    "recall_ci95": [SHARE],
}
_ROW: dict[Any, Any] = {
    **dict.fromkeys(("encoder", "classifier"), TEXT),
    **dict.fromkeys(("accuracy", "balanced_accuracy", "macro_f1"), SHARE),
    **dict.fromkeys(("train_seconds", "encode_seconds", "fit_seconds"), _AMOUNT),
    **dict.fromkeys(("predict_seconds", "encode_images_per_second"), _AMOUNT),
    **dict.fromkeys(("encoder_params", "classifier_params"), _FACTS),
    "n_features": COUNT,
    "accuracy_ci95": [SHARE],
    "per_class": {str: _SCORES},
    "confusion": [[COUNT]],
    "cached": {str: _SWITCH},
    "notes?": [TEXT],
    "repeats?": [SHARE],
    "calibrated?": _SWITCH,
    "held_out?": _HELD_OUT,
}
_DATA: dict[Any, Any] = {
    "name": TEXT,
    "class_names": [TEXT],
    "train_per_class": [COUNT],
    "test_per_class": [COUNT],
    "skipped?": [{"id": TEXT, "reason": TEXT}],
    "notes?": [TEXT],
}
_TEST: dict[Any, Any] = {
    **dict.fromkeys(("row", "other"), TEXT),
    **dict.fromkeys(("only_row", "only_other"), COUNT),
    "p_value": SHARE,
    "difference_ci95": [_DIFFERENCE],
}
_DOCUMENT: dict[Any, Any] = {
    "featx": TEXT,
    "data": _DATA,
    "protocol": {
        "seed?": COUNT,
        "folds?": COUNT,
        "controls?": [TEXT],
        "outside_data?": [TEXT],
        "time?": [TEXT],
        "ablated?": {str: TEXT},
        "reduced?": {str: {str: COUNT}},
    },
    "machine": _FACTS,
    "rows": [_ROW],
    "comparisons": [_TEST],
    "histories?": {str: {str: [_LOSS]}},
}
_CURVE: dict[Any, Any] = {
    "featx": TEXT,
    "data": _DATA,
    "protocol": {"draws": COUNT, "time?": [TEXT], "outside_data?": [TEXT]},
    "machine": _FACTS,
    "labels": [COUNT],
    "rows": [
        {
            **dict.fromkeys(("encoder", "classifier"), TEXT),
            "n_labels": [COUNT],
            "accuracies": [[SHARE]],
        }
    ],
    "controls": [TEXT],
    "comparisons": [[_TEST]],
    "command": TEXT,
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """Describe results.json and curve.json as JSON schemas (draft 2020-12), by name.

    They say what is always there and of which kind it is; what else stands in a document
    may be there.

    Examples
    --------
    >>> sorted(json_schemas())
    ['curve', 'results']
    >>> json_schemas()["results"]["properties"]["featx"]
    {'type': 'string'}
    """
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {
        name: head | {"title": f"{name}.json of featx"} | _schema(wanted)
        for name, wanted in (("results", _DOCUMENT), ("curve", _CURVE))
    }


def _schema(wanted: Any) -> dict[str, Any]:
    if isinstance(wanted, _Kind):
        return wanted.schema
    if isinstance(wanted, list):
        return {"type": "array", "items": _schema(wanted[0])}
    if str in wanted:
        return {"type": "object", "additionalProperties": _schema(wanted[str])}
    return {
        "type": "object",
        "required": [key for key in wanted if not key.endswith("?")],
        "properties": {
            key.removesuffix("?"): _schema(of) for key, of in wanted.items()
        },
    }


def check_document(document: Any) -> None:
    """Check what stands in results.json.

    Raises
    ------
    ValueError
        If it is not what a comparison writes, with the place and what stands there.

    Examples
    --------
    >>> check_document({"featx": 1})
    Traceback (most recent call last):
    ValueError: featx is 1, but expected text
    """
    known = _check_head(document, _DOCUMENT)
    rows, names = document["rows"], document["data"]["class_names"]
    if not rows or not names or len({*known}) < len(known):
        raise ValueError(f"its rows are {known}, but expected some, no two alike")
    for name, row in zip(known, rows, strict=True):
        if list(row["per_class"]) != names:
            raise ValueError(f"{name}: per_class has other classes than the data")
        of_classes = (one["recall_ci95"] for one in row["per_class"].values())
        for ends in (row["accuracy_ci95"], *of_classes):
            check_same(len(ends), 2, f"{name}: a 95 % interval", "ends")
        n_seeds = len(row.get("repeats", ()))
        check_same(
            n_seeds, len(rows[0].get("repeats", ())), f"{name}: repeats", "seeds"
        )
        if n_seeds == 1:
            raise ValueError(f"{name}: repeats has one seed, but expected none or more")
        _check_confusion(row["confusion"], len(names), f"{name}: confusion")
    _check_tests(document["comparisons"], known)


def check_curve(document: Any) -> None:
    """Check what stands in curve.json.

    Raises
    ------
    ValueError
        If it is not what a learning curve writes, with the place and what stands there.

    Examples
    --------
    >>> check_curve({"featx": 1})
    Traceback (most recent call last):
    ValueError: featx is 1, but expected text
    """
    known = _check_head(document, _CURVE)
    rows, n = document["rows"], len(document["labels"])
    if not rows or not n or len({*known}) < len(known):
        raise ValueError(
            f"its rows are {known} with {n} points, but expected some of both, no two "
            "rows alike"
        )
    check_same(len(document["comparisons"]), n, "comparisons", "points")
    n_labels = rows[0]["n_labels"]
    if n_labels != sorted({*n_labels}) or not all(n_labels):
        raise ValueError(f"{known[0]}: n_labels is {n_labels}, but expected it to rise")
    for name, row in zip(known, rows, strict=True):
        check_same(len(row["accuracies"]), n, f"{name}: accuracies", "points")
        if row["n_labels"] != n_labels:
            raise ValueError(f"{name}: n_labels differs from that of {known[0]}")
        if not all(row["accuracies"]):
            raise ValueError(f"{name}: accuracies has a point without draws")
    check_same(len(n_labels), n, "n_labels", "points")
    _check_tests([test for tests in document["comparisons"] for test in tests], known)


def _check_head(document: Any, wanted: dict[Any, Any]) -> list[str]:
    """Check kinds of values, and classes; return the names of the rows."""
    if not _is_flat(document, _DEEPEST):
        raise ValueError("it nests too deep")
    check_value(document, wanted, "")
    data = document["data"]
    for key in ("train_per_class", "test_per_class"):
        check_same(len(data[key]), len(data["class_names"]), f"data.{key}", "classes")
    return [f"{row['encoder']} + {row['classifier']}" for row in document["rows"]]


def _check_tests(tests: Sequence[Any], known: Sequence[str]) -> None:
    for test in tests:
        if not {test["row"], test["other"]} <= {*known}:
            raise ValueError(
                f"comparisons has {test['row']} and {test['other']}, but "
                "expected rows of the table"
            )
        ends = len(test["difference_ci95"])
        check_same(ends, 2, f"{test['row']}: a difference's 95 % interval", "ends")


def _check_confusion(confusion: Sequence[Sequence[int]], n: int, where: str) -> None:
    if n <= DENSE:
        check_same(len(confusion), n, where, "lines")
    for line in confusion:
        check_same(len(line), n if n <= DENSE else 3, where, "numbers in a line")
        if n > DENSE and max(line[:2]) >= n:
            raise ValueError(f"{where} has the cell {line}, but there are {n} classes")


def _is_flat(value: Any, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return True
    return levels > 0 and all(_is_flat(one, levels - 1) for one in inside)


def check_value(value: Any, wanted: Any, where: str) -> None:
    """Raise ValueError unless a value is of the kind, and all that stands in it."""
    if isinstance(wanted, _Kind):
        if not wanted.fits(value):
            raise ValueError(
                f"{where} is {reprlib.repr(value)}, but expected {wanted.name}"
            )
    elif isinstance(wanted, list):
        if not isinstance(value, list):
            raise ValueError(f"{where} is {reprlib.repr(value)}, but expected a list")
        for number, one in enumerate(value):
            check_value(one, wanted[0], f"{where}[{number}]")
    else:
        check_value(value, _FACTS, where or "the document")
        keys = dict.fromkeys(value, wanted[str]) if str in wanted else wanted
        for key, kind in keys.items():
            name = key if str in wanted else key.removesuffix("?")
            if name in value:
                check_value(value[name], kind, f"{where}.{name}".lstrip("."))
            elif name == key:
                raise ValueError(f"{where or 'the document'} has no {name!r}")


def check_same(found: int, expected: int, where: str, what: str) -> None:
    """Raise ValueError unless there are as many of something as expected."""
    if found != expected:
        raise ValueError(f"{where} has {found} {what}, but expected {expected}")
