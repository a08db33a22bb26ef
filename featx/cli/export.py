"""The command `featx export`."""

from __future__ import annotations

from dataclasses import dataclass

from featx.cli.fields import argument, option
from featx.cli.output import say


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `featx export`."""

    model: str = argument("A model that 'featx fit --save' wrote.")
    onnx: str = argument("The file to write.", metavar="MODEL.onnx")
    quiet: bool = option(False, "Say nothing.", "--quiet", "-q")


def export(options: ExportOptions) -> None:
    """Write a model as one ONNX graph, which runs without featx and without Python.

    Images of any size go in, as bytes (n, height, width, channels); the name of the class
    and the probability of each come out.
    """
    from featx.bundle import load
    from featx.output_files import check_out

    check_out(options.onnx)
    model = load(options.model)
    from featx.export import OPSET, export_onnx  # torch, which takes seconds

    n_bytes = export_onnx(model, options.onnx)
    n_channels = model.image_shape[2]
    kind = {1: "gray images", 3: "color images"}.get(
        n_channels, f"images of {n_channels} channels"
    )
    say(
        f"ONNX: {options.onnx}, {n_bytes / 1e6:.1f} MB, opset {OPSET}; {kind} of any size, "
        f"{len(model.classes_)} classes.",
        options.quiet,
    )
