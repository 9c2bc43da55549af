"""The contract between training and service: what a bundle holds, how it is written, how it is read.

This package knows neither torch, onnx, onnxruntime nor fastapi, so both sides can import it.
"""

FORMAT_VERSION = 1
"""The only bundle format that this code writes and reads. A change of meaning raises it."""
