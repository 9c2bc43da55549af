"""Measures of all axes together, for the map: which users and tastes they are of."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from bundle.catalogue import Catalogue
from bundle.factors import Space
from training.data.split import Split
from training.decode.measure import pick
from training.decode.options import DecodeOptions
from training.decode.posterior import AggregatedPosterior
from training.encoding import encode
from training.measures.dci import Rows
from training.measures.space import LEAST_USERS, MOST_USERS, space_of
from training.models.base import LatentModel
from training.tastes import taste_table

NOT_MEASURED = (
    f"The space as a whole is not measured: that takes {LEAST_USERS} training and {LEAST_USERS} validation users and "
    "two tastes that differ between them."
)


def whole_space(
    model: LatentModel, posterior: AggregatedPosterior, split: Split, catalogue: Catalogue, options: DecodeOptions
) -> Space | None:
    """On the validation users' fold-in, with the probes fitted on up to 5,000 training users. None: see NOT_MEASURED.

    Costs one encoding of the validation users and `space_of`: three seconds with 200 latents and 20 tastes.
    """
    table = taste_table(catalogue, max_values=options.max_values)
    if not len(table):
        return None
    rng = np.random.default_rng(np.random.SeedSequence(options.seed, spawn_key=(_PURPOSE,)))
    fitting = pick(len(posterior.mu), MOST_USERS, rng)
    asked = split.validation.fold_in
    asked = asked[pick(asked.shape[0], MOST_USERS, rng)]
    return space_of(
        Rows(posterior.mu[fitting], table.of(sparse.csr_matrix(split.train[fitting]))),
        Rows(encode(model, asked).mu, table.of(asked)),
        table.tastes,
        active=int(posterior.active.sum()),
        rng=rng,
    )


_PURPOSE = 1000
"""Keeps its random numbers apart from those of decode.measure.Streams, which counts from 0."""
