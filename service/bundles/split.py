"""Which model answers whom: a split of the users between arms that depends on names and ids alone.

Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights after Schindelhauer and Schomaker 2005): every arm
draws a lot of its own for a user, -ln(u) / share with u in (0, 1) from a hash, and the smallest wins. Arms win users in
proportion to their shares; an arm that grows while the proportions among the others stay loses nobody and takes from
all the others alike, and nobody changes between these. The same holds for an arm that is added or taken away.
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from decimal import Decimal

Shares = tuple[tuple[str, Decimal], ...]

DIGITS = 13
"""Hexadecimal digits of the hash that are used: 52 bits, so that u is exact in a double."""
_SHARE = re.compile(r"0(\.[0-9]{1,6})?|1(\.0{1,6})?")


@dataclass(frozen=True, slots=True)
class Split:
    """Arms with their shares, which sum to 1. A share of 0 is an arm that waits.

    salt: another one draws all lots anew, for an experiment that must not inherit the groups of the one before.
    """

    shares: Shares
    salt: str = ""

    def arm_of(self, user_id: str) -> str:
        """The arm of a user: the same in every process, on every machine, until names, shares or salt change.

        Costs a sha256 an arm, about a microsecond each.
        """
        drawn = [
            (-math.log(_lot(self.salt, arm, user_id)) / float(share), arm) for arm, share in self.shares if share > 0
        ]
        return min(drawn)[1]

    def share_of(self, arm: str) -> float | None:
        """The share of an arm; None for what is none."""
        share = dict(self.shares).get(arm)
        return None if share is None else float(share)


def parse_split(text: str) -> Shares:
    """`a:0.9,b:0.1` -> (("a", 0.9), ("b", 0.1)). Raises ValueError for another form, or where they do not sum to 1."""
    shares: list[tuple[str, Decimal]] = []
    for part in text.split(","):
        name, _, share = part.strip().rpartition(":")
        if not name or not _SHARE.fullmatch(share):
            raise ValueError("expected name:share,name:share with shares from 0 to 1, such as a:0.9,b:0.1")
        shares.append((name, Decimal(share)))
    names = [name for name, _ in shares]
    if len(set(names)) != len(names):
        raise ValueError("a model is named twice")
    total = sum(share for _, share in shares)
    if total != 1:
        raise ValueError(f"the shares sum to {total}, not to 1")
    return tuple(shares)


def _lot(salt: str, arm: str, user_id: str) -> float:
    """A number in (0, 1), uniform over users: the middle of one of 2**52 equal cells."""
    drawn = hashlib.sha256(f"{salt}/{arm}/{user_id}".encode()).hexdigest()[:DIGITS]
    return float((int(drawn, 16) + 0.5) / 16.0**DIGITS)
