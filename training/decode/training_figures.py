"""Pictures of training: how the losses went, and which dimensions came alive."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.ticker import MaxNLocator

from bundle.factors import Factor
from training.decode.figures import BLUE, GREEN, INK, MUTED, ORANGE, RED, RULE, new_figure, style, svg_of
from training.epochs import EpochFigures

_FLOOR = 1e-4  # nats: the bottom of the logarithmic axis


def curves(epochs: Sequence[EpochFigures]) -> str:
    """Loss, KL with its weight beta, and validation ndcg@100 by epoch; the best epoch is marked."""
    with style("curves"):
        figure = new_figure(11.0, 2.9)
        left, middle, right = figure.subplots(1, 3)
        x = [e.epoch for e in epochs]
        left.plot(x, [e.loss for e in epochs], color=BLUE, label="loss")
        left.plot(x, [e.reconstruction for e in epochs], color=ORANGE, linestyle="--", label="reconstruction")
        left.set(title="Loss, nats per user", xlabel="epoch")
        left.legend(frameon=True, facecolor="white", edgecolor="none", framealpha=1.0)
        middle.plot(x, [e.kl for e in epochs], color=BLUE)
        middle.set(title="KL, nats per user (line) and beta (dotted)", xlabel="epoch")
        beta = middle.twinx()
        beta.plot(x, [e.beta for e in epochs], color=RED, linestyle=":")
        beta.grid(visible=False)
        beta.set_ylim(bottom=0.0)
        beta.tick_params(colors=RED, labelcolor=RED)
        right.plot(x, [e.ndcg for e in epochs], color=GREEN)
        best = max(epochs, key=lambda e: e.ndcg)
        right.set(title=f"Validation ndcg@100, best {best.ndcg:.4f}", xlabel="epoch")
        for axes in (left, middle, right):
            axes.axvline(best.epoch, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        right.plot([best.epoch], [best.ndcg], "o", color=INK, markersize=5)
        return svg_of(figure, label="Loss, KL divergence and validation ndcg@100 by epoch")


def kl_per_dimension(factors: Sequence[Factor], *, active_kl: float) -> str:
    """KL of each dimension, largest first, on a logarithmic axis with the line above which a dimension is active."""
    with style("kl"):
        figure = new_figure(11.0, 2.7)
        axes = figure.subplots()
        ordered = sorted(factors, key=lambda f: -f.kl)
        heights = [max(f.kl, _FLOOR) for f in ordered]
        axes.bar(range(len(ordered)), heights, color=[BLUE if f.active else RULE for f in ordered], width=0.8)
        axes.axhline(active_kl, color=RED, linestyle="--", linewidth=1.0)
        axes.text(1.0, active_kl, f" active above {active_kl:g}", color=RED, va="center", ha="left",
                  transform=axes.get_yaxis_transform())  # fmt: skip
        axes.set_yscale("log")
        axes.set_ylim(_FLOOR, max(*heights, 10 * active_kl) * 1.5)
        axes.set(title="KL of each dimension, nats (logarithmic); grey = inactive", xlabel="factor, by falling KL")
        step = max(1, len(ordered) // 28)
        shown = range(0, len(ordered), step)
        axes.set_xticks(list(shown), [str(ordered[i].factor) for i in shown])
        axes.set_xlim(-0.7, len(ordered) - 0.3)
        axes.grid(visible=False, axis="x")
        return svg_of(figure, label="KL divergence of each latent dimension")
