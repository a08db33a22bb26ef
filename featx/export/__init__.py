"""A model -> one graph that runs where there is neither featx nor Python."""

from featx.export.onnx_file import OPSET, export_onnx

__all__ = ["OPSET", "export_onnx"]
