"""Whether the exported graphs answer as the model does: torch against onnxruntime on golden users.

Golden users are validation users of the run and made-up histories (one item, no item, long). The stage refuses a
dropout left on, a batch size taken as constant, a lost condition input or an explanation that does not add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_state

from bundle import files
from training.errors import ExportError
from training.models.additive_vae import AdditiveVAE
from training.models.base import LatentModel, SparseRows
from training.models.linear_input import LinearInput

Floats = NDArray[np.float32]

TOP = 100
MAX_DIFFERENCE = 1e-4
"""Largest |torch - onnxruntime| of any logit or explanation."""
TIE = 1e-6
"""Two items whose torch logits differ by no more than this, relative to the larger of 1 and the largest logit, may
swap places: float32 sums taken in another order do that."""
MAX_RESIDUAL = 1e-4
"""Of an explanation's sum from the score, relative to the largest of 1, |score| and |base|; a model may say that it
misses more in the history view (LinearInput.history_residual)."""
ORT_ERRORS = (
    ort_state.Fail,
    ort_state.InvalidArgument,
    ort_state.InvalidGraph,
    ort_state.InvalidProtobuf,
    ort_state.NotImplemented,
    ort_state.RuntimeException,
)
"""onnxruntime's own errors have no common base."""
SIZES = (1, 2, 7)
"""Batch sizes; the last ones cut the golden users into uneven parts."""
SHIFT = 0.5
"""Spread of what each z_i is moved by."""
ASKED = (5, 1, 2, 7)
"""Items explained at a time, user by user: a graph whose K was frozen while it was traced fails."""


@dataclass(frozen=True, slots=True)
class GoldenUser:
    """A history of item indices, each once, and the condition inputs switched on."""

    history: tuple[int, ...]
    condition: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Parity:
    """What was measured: the largest differences, the near-ties that swapped places, and over how many users."""

    n_users: int
    logits: float
    explanation: float
    latent_residual: float
    history_residual: float
    swapped_ties: int


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    """Users whose z is moved by shifts [B, n_latent], and torch's scores [B, n_items] of them there."""

    users: Sequence[GoldenUser]
    shifts: Floats
    scores: Floats


class OnnxModel:
    """The exported graphs in onnxruntime, one thread; the shapes are those of bundle.manifest.Graphs."""

    def __init__(self, content: Mapping[str, bytes], *, n_conditions: int) -> None:
        self.n_conditions = n_conditions
        self.encoder, self.decoder, self.explainer = (
            _session(content[name]) for name in (files.ENCODER, files.DECODER, files.EXPLAINER)
        )
        self.linear, self.steering = (
            _session(content[name]) if name in content else None for name in (files.LINEAR, files.STEERING)
        )

    def logits(self, users: Sequence[GoldenUser], *, shifts: Floats | None = None) -> Floats:
        """The scores float32 [B, n_items] of a batch of users, padded to the longest history (at least 1).

        shifts float32 [B, n_latent]: by how much each user's z is moved; None: nobody's is
        They are the decoder's logits and, where the model has them, its linear term and what that gains by the shift.
        """
        history, mask = padded(users)
        feed = {"history": history, "mask": mask, **self._condition(users)}
        mu = self.encoder.run(["mu"], feed)[0]
        scores: Floats = self.decoder.run(["logits"], {"z": mu if shifts is None else mu + shifts})[0]
        if self.linear is not None:
            scores = scores + self.linear.run(["linear"], feed)[0]
        if self.steering is not None and shifts is not None:
            scores = scores + self.steering.run(["followed"], {"shift": shifts})[0]
        return scores

    def explain(self, user: GoldenUser, *, shift: Floats, item_ix: Sequence[int]) -> list[Floats]:
        """The explainer's outputs for one user, four or five of them; shift float32 [n_latent]."""
        feed = {
            "history": np.asarray(user.history, dtype=np.int64),
            **self._condition([user]),
            "shift": shift[None, :],
            "item_ix": np.asarray(item_ix, dtype=np.int64),
        }
        outputs: list[Floats] = self.explainer.run(None, feed)
        return outputs

    def _condition(self, users: Sequence[GoldenUser]) -> dict[str, Floats]:
        return {"condition": multi_hot(users, self.n_conditions)} if self.n_conditions else {}


def check_parity(model: LatentModel, content: Mapping[str, bytes], users: Sequence[GoldenUser], *, seed: int) -> Parity:
    """Compare the graphs with the model on golden users; raise ExportError with the figures above the limits.

    model    in eval mode, on the CPU
    content  file name -> bytes of the graphs
    seed     of the shifts that scores and explanations are asked under
    Costs a pass over the users in each of SIZES, another of moved users, and one explanation per user.
    """
    if not users:
        raise ExportError("there are no golden users to compare on", hint="give at least one history")
    try:
        parity = _measure(model, content, users, np.random.default_rng(seed))
    except ORT_ERRORS as error:
        raise ExportError(
            f"onnxruntime refuses the exported graphs: {type(error).__name__}: {error}",
            hint="report it with the versions of torch, onnx and onnxruntime",
        ) from error
    _judge(parity, history_limit=model.history_residual if isinstance(model, LinearInput) else MAX_RESIDUAL)
    return parity


def _measure(
    model: LatentModel, content: Mapping[str, bytes], users: Sequence[GoldenUser], rng: np.random.Generator
) -> Parity:
    onnx_model = OnnxModel(content, n_conditions=model.n_conditions)
    reference = torch_logits(model, users)
    if not np.isfinite(reference).all():
        raise ExportError("the model gives NaN or infinite logits", hint="train it again with a lower learning rate")
    shifts = rng.normal(0.0, SHIFT, (len(users), model.n_latent)).astype(np.float32)
    moved = _Moved(users, shifts, torch_logits(model, users, shifts=shifts))
    pairs = [(reference, _answers(onnx_model, users, size=size)) for size in SIZES]
    pairs.append((moved.scores, _answers(onnx_model, users, size=SIZES[-1], shifts=shifts)))
    worst = max(_difference(expected, answered) for expected, answered in pairs)
    swapped = sum(_compare_top(a, b) for pair in pairs for a, b in zip(*pair, strict=True))
    return Parity(len(users), worst, *_explanations(model, onnx_model, moved, rng), swapped)


def _answers(onnx_model: OnnxModel, users: Sequence[GoldenUser], *, size: int, shifts: Floats | None = None) -> Floats:
    """The graphs' scores [n_users, n_items], so many users at a time."""
    parts = [slice(start, start + size) for start in range(0, len(users), size)]
    moved = [None if shifts is None else shifts[part] for part in parts]
    found = [onnx_model.logits(users[part], shifts=rows) for part, rows in zip(parts, moved, strict=True)]
    return np.concatenate(found)


def torch_logits(model: LatentModel, users: Sequence[GoldenUser], *, shifts: Floats | None = None) -> Floats:
    """The model's scores [B, n_items], through the training-side encoder, one user at a time (no padding).

    shifts float32 [B, n_latent]: by how much each user's z is moved; None: nobody's is
    """
    rows: list[Floats] = []
    with torch.inference_mode():
        for ix, user in enumerate(users):
            lengths = torch.tensor([0, len(user.history)])
            batch = SparseRows(torch.tensor(user.history, dtype=torch.int64), lengths)
            condition = torch.from_numpy(multi_hot([user], model.n_conditions)) if model.n_conditions else None
            shift = None if shifts is None else torch.from_numpy(shifts[ix : ix + 1])
            mu = model.encode(batch, condition).mu
            rows.append(model.score_at(mu, batch, condition, shift=shift)[0].numpy())
    return np.stack(rows)


def padded(users: Sequence[GoldenUser]) -> tuple[NDArray[np.int64], Floats]:
    """history int64 [B, L] and mask float32 [B, L]; L is the longest history, at least 1; padding is item 0, mask 0."""
    longest = max(1, *(len(user.history) for user in users))
    history = np.zeros((len(users), longest), dtype=np.int64)
    mask = np.zeros((len(users), longest), dtype=np.float32)
    for b, user in enumerate(users):
        history[b, : len(user.history)] = user.history
        mask[b, : len(user.history)] = 1.0
    return history, mask


def multi_hot(users: Sequence[GoldenUser], n_conditions: int) -> Floats:
    """float32 [B, n_conditions], 1 for each condition asked for."""
    table = np.zeros((len(users), n_conditions), dtype=np.float32)
    for b, user in enumerate(users):
        table[b, list(user.condition)] = 1.0
    return table


def top_items(logits: Floats, k: int) -> NDArray[np.int64]:
    """Indices [min(k, n_items)] of the largest logits, ties by index."""
    return np.argsort(-logits, kind="stable")[:k].astype(np.int64)


def _compare_top(reference: Floats, answered: Floats) -> int:
    """How many places of the top 100 differ, by near-ties only: ExportError for any other difference."""
    ours, theirs = top_items(reference, TOP), top_items(answered, TOP)
    places = np.flatnonzero(ours != theirs)
    gap = float(np.abs(reference[ours[places]] - reference[theirs[places]]).max(initial=0.0))
    if gap > TIE * max(1.0, float(np.abs(reference).max())):
        raise ExportError(
            f"the top {TOP} of a golden user differ in {len(places)} places, by up to {gap:.3g} in the logit",
            hint="the graphs do not compute the model; report it with the model's kind and configuration",
        )
    return len(places)


def _explanations(
    model: LatentModel, onnx_model: OnnxModel, moved: _Moved, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Largest difference from torch's scores and bases, and the largest relative residual of either view."""
    with torch.inference_mode():
        at_zero = model.decode(torch.zeros(1, model.n_latent))[0].numpy()
    difference, residuals = 0.0, np.zeros(2)
    for user, shift, scores, n_asked in zip(moved.users, moved.shifts, moved.scores, cycle(ASKED), strict=False):
        items = rng.choice(model.n_items, size=min(n_asked, model.n_items), replace=False)
        latent, latent_base, history, history_base, *more = onnx_model.explain(
            user, shift=shift, item_ix=items.tolist()
        )
        direct = np.concatenate([latent, *more], axis=1)  # in the latent view the linear term stands beside it
        score = scores[items]
        empty = torch_logits(model, [GoldenUser((), user.condition)], shifts=shift[None, :])[0][items]
        origin = at_zero[items] + _gained(model, user)[items]
        difference = max(difference, _difference(origin, latent_base), _difference(empty, history_base))
        for view, (parts, base) in enumerate(((direct, latent_base), (history, history_base))):
            scale = np.maximum(1.0, np.maximum(np.abs(score), np.abs(base)))
            residuals[view] = max(residuals[view], _difference(parts.sum(1) / scale, (score - base) / scale))
    return difference, float(residuals[0]), float(residuals[1])


def _gained(model: LatentModel, user: GoldenUser) -> Floats:
    """What the linear term gives an empty history under the user's condition [n_items]; 0 without the term."""
    if not isinstance(model, AdditiveVAE):
        return np.zeros(model.n_items, dtype=np.float32)
    condition = torch.from_numpy(multi_hot([user], model.n_conditions))
    nobody = SparseRows(torch.zeros(0, dtype=torch.int64), torch.zeros(2, dtype=torch.int64))
    with torch.inference_mode():
        gained: Floats = model.linear(nobody, condition)[0].numpy()
    return gained


def _difference(a: Floats, b: Floats) -> float:
    """Largest |a - b|; NaN counts as infinite."""
    return float(np.nan_to_num(np.abs(a - b), nan=np.inf).max(initial=0.0))


def _judge(parity: Parity, *, history_limit: float) -> None:
    limits = (
        ("logits", parity.logits, MAX_DIFFERENCE),
        ("explanation's base", parity.explanation, MAX_DIFFERENCE),
        ("latent explanation's sum (relative)", parity.latent_residual, MAX_RESIDUAL),
        ("history explanation's sum (relative)", parity.history_residual, history_limit),
    )
    wrong = [f"{what} differs by {found:.3g}, at most {limit:g}" for what, found, limit in limits if not found <= limit]
    if wrong:
        raise ExportError(
            f"onnxruntime does not answer as torch on {parity.n_users} golden users: {'; '.join(wrong)}",
            hint="the graphs do not compute the model; report it with the model's kind and configuration",
        )


def _session(content: bytes) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return ort.InferenceSession(content, sess_options=options, providers=["CPUExecutionProvider"])
