"""A model as one ONNX graph: images of any size in, classes and probabilities out."""

from __future__ import annotations

import io
import json
import logging
import os
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from featx._version import __version__
from featx.errors import DependencyError, ParameterError
from featx.export.classifiers import Calibrated, classifier_module
from featx.export.encoders import encoder_module
from featx.export.resizing import Resizing
from featx.model import Model, first_step
from featx.output_files import write_out
from featx.own_code import first_line

OPSET = 20  # of ONNX; onnxruntime knows it since 1.17
_IR_VERSION = 9  # of the file, likewise
_MOST_BYTES = 2**31 - 2**24  # of one file, as ONNX has it, less some for nodes


def export_onnx(model: Model, path: str | os.PathLike[str]) -> int:
    """Write a model as one ONNX graph, which needs neither featx nor torch to run.

    Its input ``images`` is uint8 of shape (n, height, width, channels), of any n, height
    and width; all images of a batch have one size, and as many channels as those of the
    model. They are resized in the graph. Its outputs are ``class``, text of shape (n,), and
    ``probabilities``, float of shape (n, n_classes); of a model without probabilities
    ``scores``. ``metadata_props`` of the file has the names of the classes, in order, as
    JSON under ``class_names``. It computes in float32, a k-neighbors or kernel classifier
    in float64.

    Parameters
    ----------
    model : Model
        Of an encoder and a classifier of featx.
    path : path-like
        The file, or a URL that fsspec knows.

    Returns
    -------
    int
        Bytes of the file.

    Raises
    ------
    ParameterError
        If the model has a part that is not exported, or was fitted on other images than
        uint8, or is too large for one file.
    DependencyError
        If onnx or onnxscript are not installed.
    CacheError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> import featx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     digits = featx.load_dataset("digits", cache_dir=folder)
    ...     raw = featx.RawPixels().fit(digits.train.X)
    ...     ridge = featx.make_classifier("ridge", n_features=64, n_images=1438)
    ...     ridge.fit(raw.transform(digits.train.X), digits.train.y)
    ...     model = featx.Model.of(raw, ridge, digits.class_names)
    ...     featx.export_onnx(model, folder + "/digits.onnx") > 1000
    Pipeline(...)
    True
    """
    graph = _Graph(model)
    _check_size(graph)
    _check_library()
    program = _traced(graph, model.image_shape)
    content = _finished(program, model)
    write_out(path, content)
    return len(content)


class _Graph(nn.Module):
    """Images -> what a model says of each class."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        encoder, classifier = model.pipeline[0], model.pipeline[1:]
        first = first_step(encoder)
        if (first.pixel_kind_, first.pixel_range_) != ("u", (0.0, 255.0)):
            low, high = first.pixel_range_
            raise ParameterError(
                f"Got a model of pixels from {low:g} to {high:g}, but expected one that "
                "was fitted on uint8, as image files are. Fit it on such images."
            )
        height, width, _ = model.image_shape
        self.resizing = Resizing((height, width), model.image_fit)
        self.encoder = encoder_module(encoder)
        self.classifier = classifier_module(classifier)
        self.calibrated: nn.Module | None = None
        if model.calibration is not None:
            own = hasattr(classifier[-1], "predict_proba")
            self.calibrated = Calibrated(model.calibration, own)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(n, h, w, c), uint8 -> position of the class (n,), and (n, n_classes)."""
        features = self.encoder(self.resizing(images))
        scores = self.classifier(features)
        label = scores.argmax(dim=1)
        if self.calibrated is not None:
            scores = self.calibrated(scores)
        return label, scores.float()


def _check_size(graph: nn.Module) -> None:
    arrays = [*graph.parameters(), *graph.buffers()]
    n_bytes = sum(array.numel() * array.element_size() for array in arrays)
    if n_bytes > _MOST_BYTES:
        raise ParameterError(
            f"Got a model of {n_bytes / 2**30:.1f} GiB, but expected less than 2 GiB, "
            "which is what one ONNX file holds. Use fewer features or a linear classifier."
        )


def _check_library() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise DependencyError(
            f"Got no package {error.name}, but expected it to write ONNX files. Install "
            "featx with its extra onnx: pip install 'featx[onnx]'."
        ) from error


def _traced(graph: _Graph, image_shape: tuple[int, int, int]) -> Any:
    """Let torch write down what the modules do, for any number and size of images."""
    # two sizes that are neither one another nor that of the model
    height, width, depth = image_shape
    images = torch.zeros((2, 2 * height + 3, 2 * width + 5, depth), dtype=torch.uint8)
    dynamic = {0: "n", 1: "height", 2: "width"}
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of torch about itself
            return torch.onnx.export(
                graph.eval(),
                (images,),
                input_names=["images"],
                output_names=["label", "scores"],
                dynamic_shapes={"images": dynamic},
                opset_version=OPSET,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        raise ParameterError(
            "Got a model that torch cannot write as a graph, but expected one without "
            f"branches that depend on images ({first_line(error.__cause__ or error)}). "
            "Serve it with featx, or choose another network."
        ) from error
    finally:
        log.setLevel(level)


def _finished(program: Any, model: Model) -> bytes:
    """Name classes and outputs in the graph, say what it is, and check it."""
    import onnx
    from onnx import TensorProto, helper

    proto = program.model_proto
    graph = proto.graph
    names = model.classes_.tolist()
    has_probabilities = hasattr(model, "predict_proba")
    last = "probabilities" if has_probabilities else "scores"
    text = helper.make_tensor(
        "class_names", TensorProto.STRING, [len(names)], [n.encode() for n in names]
    )
    graph.initializer.append(text)
    graph.node.append(helper.make_node("Gather", ["class_names", "label"], ["class"]))
    if last != "scores":
        graph.node.append(helper.make_node("Identity", ["scores"], [last]))
    del graph.output[:]
    graph.output.append(
        helper.make_tensor_value_info("class", TensorProto.STRING, ["n"])
    )
    graph.output.append(
        helper.make_tensor_value_info(last, TensorProto.FLOAT, ["n", len(names)])
    )
    proto.producer_name, proto.producer_version = "featx", __version__
    told = {
        "class_names": json.dumps(names),
        "image_shape": json.dumps(list(model.image_shape)),
        "image_fit": model.image_fit,
    }
    helper.set_model_props(proto, told)
    proto.ir_version = _IR_VERSION
    # torch notes where in which file each node was made
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, graph):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")
    onnx.checker.check_model(proto, full_check=True)
    stream = io.BytesIO()
    onnx.save(proto, stream)
    return stream.getvalue()
