"""What the page says of its tables."""

from __future__ import annotations


def _line(text: str) -> str:
    """A paragraph written over several lines, in one."""
    return " ".join(text.split())


CLAIMS = _line("""
    *better*: the 95 % intervals over users do not touch, on DEL and on INS. *within 5 %*: so is the whole interval
    of the ratio over the same users; more than the other order's is welcome. *asked for*: of the flagship. With their
    figures: all of one model, and what fails of the others.
""")

ADDITIVE = _line("""
    |residual| over |score - base| of every item of the lists: *as it is*, under a drawn *soft condition*, and 2
    standard deviations along a drawn *factor* or *value*. The view by factors is base + factors + direct parts,
    the view by history items base + history items. *largest in itself*: of |residual|, whatever the way from
    the base. Scores are 32-bit numbers: where base and score are near each other, their rounding is a larger part of
    the way.
""")

HISTORY = _line("""
    A target is drawn from each user's {n} best items. The history is taken away in an order, the first j items
    for j = 1 to k, and put in in the same order; p is the target's probability over that with the whole
    history. *DEL@k*: mean p without the first j (lower is better). *INS@k*: mean p with only the first j
    (higher is better). *log*: means of the logarithms, as a few items alone can make a target many times as
    likely as a whole history does. *POS@k*, *NEG@k*: how often the target is still in the list without the
    first j (lower is better), without the last j (higher). The names are those of Barkan et al. (LXR, WWW
    2024), counted in items; a history of fewer than k items counts as far as it goes. Orders: by *the
    explanation*'s history contributions; by *leave one out*, every item removed alone and the model asked
    again; by *item similarity* to the target (cosine of the training users' columns); by *popularity*; {random}
    *random* orders, averaged; by *another item's explanation* of the same list; and, as the control that must
    fail, by *the explanation, shuffled* over the items.
""")

FACTORS = _line("""
    The same with coordinates of z set to 0, in the order of the factors' contributions, through the decoder;
    the history and what it adds directly stay. *size of z*: by its absolute value. *leave one out*: every
    coordinate alone. The contributions share out the way from 0 to z among all coordinates, leave-one-out knows
    only the last step of it: where a decoder is bent, they differ.
""")

REMOVALS = _line("""
    For every item of the {n} best: history items without which it leaves the list, at most {removals}, by the
    service's own search. *coverage*: share of the items for which a set is found. *items kept off*: the same of
    sets that work while the removed items themselves are kept off the list, which is tried first; the others work
    when these may be listed, as a plain request without them lists them. *valid*: of the sets, as the
    service says; *confirmed*: as a request without the set says. *wider search*: for so many of the items
    without a set (one drawn for one user in ten) one is found by a search that tries every item of the history,
    asks the model about every set, and goes on from the {beam} that bring the item nearest to leaving. *items
    changed*: of the {n}, the item itself included. *runs*: histories that the model is asked to score. *cost*:
    CPU over that of one list of the same user, measured side by side.
""")

LENGTH = "Users by how many items their history has."
