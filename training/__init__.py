"""From a ratings file to a verified bundle: data, models, evaluation, decoding, export. Knows no HTTP."""

from __future__ import annotations

import os

# As in the service: onnxruntime, which export runs its graphs by, sends usage data to its makers unless told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
