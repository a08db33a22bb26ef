"""The commands `featx encoders` and `featx classifiers`."""

from __future__ import annotations

from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from featx.catalog import CLASSIFIERS, DEFAULT_ENCODERS, ENCODERS
from featx.cli.fields import option
from featx.cli.output import out, print_json

_ENCODERS = {
    "raw": "pixels, the first control",
    "pca": "principal components of the pixels",
    "untrained": "a convolutional network with random weights",
    "random-patches": "pieces of the images as filters; nothing is learned",
    "patch": "filters learned by a sparse autoencoder on patches",
    "compact": "what views have in common in the code of patch, 256 to 1,024 features",
    "predictive": "a deep network that predicts what compact says of the clean image",
    "conv": "a deep convolutional autoencoder of pixels",
}
_ANY_ENCODER = {
    "torchvision:NAME": "a pretrained network; @LAYER behind it for one of its layers",
    "timm:NAME": "likewise, of timm",
    "package.module:Thing": "any transformer, torch module, or what makes one",
    "file.py:Thing": "likewise, in a file",
    "a+b": "the features of two or more side by side",
}
_CLASSIFIERS = {
    "linear-svm": "linear SVM in closed steps, for features of any width",
    "logreg": "logistic regression",
    "ridge": "least squares on the classes",
    "svm": "SVM with an RBF kernel",
    "kernel-ridge": "least squares with an RBF kernel",
    "mlp": "a network of one hidden layer",
    "knn": "nearest neighbors",
}
_ANY_CLASSIFIER = {
    "package.module:Class": "any classifier of scikit-learn's kind, or what makes one",
    "file.py:Thing": "likewise, in a file",
}


@dataclass(frozen=True, kw_only=True)
class NamesOptions:
    """Options of `featx encoders` and `featx classifiers`."""

    as_json: bool = option(False, "Print one JSON document instead of text.", "--json")


def encoders(options: NamesOptions) -> None:
    """List all encoders."""
    from featx.plugins import ENCODERS_GROUP

    told = {
        name: _ENCODERS[name] + (", by default" if name in DEFAULT_ENCODERS else "")
        for name in ENCODERS
    }
    _show(told, ENCODERS_GROUP, _ANY_ENCODER, as_json=options.as_json)


def classifiers(options: NamesOptions) -> None:
    """List all classifiers."""
    from featx.plugins import CLASSIFIERS_GROUP

    told = {name: _CLASSIFIERS[name] for name in CLASSIFIERS}
    _show(told, CLASSIFIERS_GROUP, _ANY_CLASSIFIER, as_json=options.as_json)


def _show(
    told: dict[str, str], group: str, others: dict[str, str], *, as_json: bool
) -> None:
    """Print a line for each name: of featx, of other packages, of anyone."""
    from featx.plugins import plugins

    added = {
        name: f"of another package, {point.value}"
        for name, point in plugins(group).items()
        if name not in told
    }
    lines = told | added | others
    if as_json:
        print_json(lines)
        return
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for name, line in lines.items():
        table.add_row(Text(name), Text(line))
    out.print(table)
