"""Users and groups of users on the principal axes of the latent space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from training.decode.crowds import Crowds
from training.decode.figures import INK, MARKERS, MUTED, SERIES, new_figure, style, svg_of
from training.decode.projection import Projection

_USERS = 450  # drawn as the grey cloud: more only makes a heavier page
_LONGEST = 28  # letters of a label
_DRAWN = 600  # users of all groups together
_PLACES = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_LETTER, _LINE = 0.0125, 0.045  # of the axes' width and height: a letter of a label, and its height
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Plane:
    """A flat cut through the latent space: center [n_latent], axes [n_latent, 2] or [n_latent, 1], a name of each."""

    center: NDArray[np.float64]
    axes: NDArray[np.float64]
    names: tuple[str, ...]

    def place(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """points [n, n_latent] -> [n, 2]; 0 along an axis that a one-dimensional space does not have."""
        placed = (points - self.center) @ self.axes
        return placed if placed.shape[1] == 2 else np.column_stack([placed, np.zeros(len(placed))])


def plane_of(projection: Projection, crowds: Crowds) -> Plane:
    """Groups by taste: where their centres differ most, as users may differ more in what no group shares.

    Otherwise the first principal axes of the projection, which conditions shape themselves.
    """
    if not crowds or crowds.conditioned:
        named = [f"component {i + 1} ({share:.0%} of the variance)" for i, share in enumerate(projection.explained[:2])]
        return Plane(projection.center, projection.axes[:, :2], tuple(named))
    centres = np.stack([m.centre for m in crowds.members])
    center = centres.mean(axis=0)
    _, lengths, axes = np.linalg.svd(centres - center, full_matrices=False)
    axes = axes[:2].T * np.where(axes[:2].T[np.abs(axes[:2]).argmax(axis=1), range(len(axes[:2]))] < 0, -1.0, 1.0)
    shares = lengths**2 / max(float((lengths**2).sum()), 1e-12)
    named = [f"direction {i + 1} ({share:.0%} of the centres' differences)" for i, share in enumerate(shares[:2])]
    return Plane(center, axes, tuple(named))


def users_map(projection: Projection, crowds: Crowds) -> str:
    """Left: users and the groups' centres to scale. Right, where there are groups: the centres close up, by name.

    The two together say both which groups are neighbours and how much they overlap.
    """
    plane = plane_of(projection, crowds)
    with style("users"):
        figure = new_figure(11.0 if crowds else 6.5, 4.8)
        panels = figure.subplots(1, 2 if crowds else 1, squeeze=False)[0]
        _cloud(panels[0], plane, projection, crowds)
        if crowds:
            centres = plane.place(np.stack([m.centre for m in crowds.members]))
            _close_up(panels[1], centres, [_short(m.name) for m in crowds.members])
        for axes in panels:
            axes.set_xlabel(plane.names[0])
            axes.set_ylabel(plane.names[1] if len(plane.names) > 1 else "")
        return svg_of(figure, label="Principal components of users and of the centres of their groups")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"


def _look(at: int) -> dict[str, Any]:
    return {"color": SERIES[at % len(SERIES)], "marker": MARKERS[(at // len(SERIES)) % len(MARKERS)]}


def _cloud(axes: Axes, plane: Plane, projection: Projection, crowds: Crowds) -> None:
    if not crowds or crowds.conditioned:
        own = plane.place(projection.center + projection.unconditioned[:_USERS] @ projection.axes.T)
        axes.plot(own[:, 0], own[:, 1], "o", color="#b8c1ca", markersize=2.2, alpha=0.6, linestyle="none")
    if not crowds:
        axes.set_title("Users")
        return
    each = max(20, _DRAWN // len(crowds.members))
    for at, crowd in enumerate(crowds.members):
        shown = plane.place(crowd.points[:each])
        axes.plot(shown[:, 0], shown[:, 1], **_look(at), markersize=2.4, alpha=0.4, linestyle="none")
    for at, crowd in enumerate(crowds.members):
        centre = plane.place(crowd.centre[None])
        axes.plot(centre[:, 0], centre[:, 1], **_look(at), markersize=8, markeredgecolor="white", linestyle="none",
                  zorder=5)  # fmt: skip
    axes.set_title("Users (small) and the centres of groups (large), to scale")


def _close_up(axes: Axes, centres: NDArray[np.float64], names: Sequence[str]) -> None:
    low, high = centres.min(axis=0), centres.max(axis=0)
    margin = 0.16 * np.maximum(high - low, 1e-3)
    low, high = low - margin, high + margin
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), title="The centres close up")
    placed = (centres - low) / (high - low)
    line = {"arrowstyle": "-", "color": MUTED, "linewidth": 0.5}
    for at, ((x, y), (label_x, label_y)) in enumerate(zip(centres, label_places(placed, names), strict=True)):
        axes.plot([x], [y], **_look(at), markersize=8, markeredgecolor="white", linestyle="none", zorder=5)
        spot = low + (high - low) * np.array([label_x, label_y])
        axes.annotate(names[at], (x, y), xytext=(float(spot[0]), float(spot[1])), color=INK, fontsize=8,
                      ha="center", va="center", zorder=6, arrowprops=line, parse_math=False)  # fmt: skip


def label_places(points: NDArray[np.float64], names: Sequence[str]) -> list[tuple[float, float]]:
    """Where to write each name beside its point so that they overlap little: the best of sixteen places, in order.

    points [n, 2] in [0, 1]; the same for the same input. O(n^2).
    """
    taken: list[Box] = [(x - 0.014, y - 0.018, x + 0.014, y + 0.018) for x, y in points.tolist()]
    found: list[tuple[float, float]] = []
    for (x, y), name in zip(points.tolist(), names, strict=True):
        half = 0.5 * _LETTER * max(len(name), 2)
        spots = [(x + dx * (half + 0.02 * reach), y + dy * 0.042 * reach) for reach in (1.0, 1.9) for dx, dy in _PLACES]
        boxes = [(a - half, b - _LINE / 2, a + half, b + _LINE / 2) for a, b in spots]
        costs = [sum(_overlap(box, other) for other in taken) + 5.0 * _outside(box) for box in boxes]
        best = int(np.argmin(costs))
        taken.append(boxes[best])
        found.append(spots[best])
    return found


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def _outside(box: Box) -> float:
    return max(0.0, -box[0]) + max(0.0, -box[1]) + max(0.0, box[2] - 1.0) + max(0.0, box[3] - 1.0)
