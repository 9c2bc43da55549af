"""A planted bundle with a linear term, a history on it, and training users who know nothing of either."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from prismrec.explaining.curves import Asked
from prismrec.explaining.orders import Known
from service.bundles.loader import load_bundle
from service.engine import LoadedBundle
from service.query import Query
from tests.builders import make_bundle

HISTORY = (0, 3, 6, 9, 12, 16, 20, 31)


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    return load_bundle(make_bundle(tmp_path_factory.mktemp("models"), steering=True))


@pytest.fixture(scope="session")
def known(loaded: LoadedBundle) -> Known:
    rng = np.random.default_rng(1)
    return Known.of(sparse.csr_matrix((rng.random((60, loaded.n_items)) < 0.2).astype(np.float32)))


@pytest.fixture(scope="session")
def asked(loaded: LoadedBundle) -> Asked:
    query = Query(history=HISTORY)
    listed = [item.item_ix for item in loaded.recommend(query).items]
    return Asked(query, listed[0], listed[5])
