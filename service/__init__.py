"""The torch-free service: verified bundles in, recommendations with reasons out."""

from __future__ import annotations

import os

# Read when onnxruntime is loaded, which sends usage data to its makers unless told not to: nothing leaves this process.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
