"""What MovieLens writes into titles."""

from __future__ import annotations

import polars as pl

# "Toy Story (1995)", "Death Note (2006-2007)", "Hamlet (1996) (V)": the last bracket that starts with a year.
_YEAR = r".*\(\s*(1[89]\d\d|20\d\d)(?:\s*[-\x{2013}]\s*(?:\d{4})?)?\s*\)"


def year_of(title: pl.Expr) -> pl.Expr:
    """The year in a title as text, null where there is none; the title itself is left as it is."""
    return title.str.extract(_YEAR, 1)
