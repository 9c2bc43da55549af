"""Every bound of the service, in one table. Each is tested at the limit and one past it."""

from __future__ import annotations

from dataclasses import dataclass

from bundle.ids import MAX_ID_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, counts and seconds. The HTTP layer enforces the first two groups, the engine the third.

    head_bytes bounds the request line and the headers together; head_, body_ and reply_seconds how long either side of
    a connection is waited for, reply_seconds while nothing at all is taken. wait_seconds bounds the wait between a head
    and its turn on the event loop: whoever waited longer is told to come back. load_seconds is for loading a bundle.

    leave_one_out_cells bounds B * L of a leave-one-out run: a history of 1000 items has its 131 newest tried, one of
    300 all of them. encode_cells and decode_cells bound the padded batches given to onnxruntime at one time
    (encode_cells * hidden floats are gathered, decode_cells floats come out); linear_cells bounds the bytes of weights
    that the linear graph gathers at one time, though one history always goes in one run. trials bounds the halves and
    directions that one cold start tries on the decoder, each at a few points (service.coldstarts.candidates).
    """

    # the body and what is counted in it
    body_bytes: int = 64 * 1024
    batch_body_bytes: int = 1024 * 1024
    id_bytes: int = MAX_ID_BYTES
    history: int = 1000
    candidates: int = 10_000
    exclude: int = 1000
    interactions: int = 500
    n: int = 500
    offset: int = 10_000
    batch: int = 256
    page: int = 500

    # the connection
    connections: int = 512
    head_bytes: int = 65_536
    headers: int = 100
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    reply_seconds: float = 20.0

    # time and queue
    wait_seconds: float = 1.0
    deadline_seconds: float = 2.0
    load_seconds: float = 60.0
    concurrency: int = 8
    queue: int = 16
    retry_after_seconds: int = 1

    # the engine
    condition_values: int = 32
    top_factors: int = 1000
    steer_terms: int = 32
    steer_strength: float = 3.0
    picks: int = 16
    samples: int = 256
    trials: int = 128
    pick_strength: float = 3.0
    removals: int = 5
    counterfactual_candidates: int = 30
    fidelity_k: int = 20
    leave_one_out_cells: int = 131_072
    encode_cells: int = 4_096
    decode_cells: int = 4_194_304
    linear_cells: int = 1_048_576
    onnx_nodes: int = 10_000
    onnx_depth: int = 4


LIMITS = Limits()
