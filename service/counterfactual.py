"""What would have to be missing from the history for an item to leave the list."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """remove: history items without which the item leaves the top n (empty: none found; `reason` says why).

    new_rank     the item's rank without them, among the items that could be listed before
    replacement  the item that takes its place in the top n; None when no set was found or nothing is left to enter
    valid        the live model, run once more on exactly this set, put the item outside the top n
    runs         histories the model was asked to score
    """

    remove: tuple[int, ...]
    new_rank: int | None
    replacement: int | None
    valid: bool
    runs: int
    reason: str | None = None
