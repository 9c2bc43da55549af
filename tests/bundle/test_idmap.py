from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundle.errors import ContentError
from bundle.idmap import IdMap

IDS = st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=30)


@given(IDS)
def test_idmap_of_distinct_ids_is_a_bijection(ids):
    idmap = IdMap(ids)
    assert len(idmap) == len(ids)
    assert [idmap.index(external) for external in ids] == list(range(len(ids)))
    assert [idmap.ids[ix] for ix in range(len(idmap))] == ids


@given(IDS, st.text(max_size=8))
def test_idmap_index_of_unknown_id_is_none_and_never_a_number(ids, other):
    found = IdMap(ids).index(other)
    assert (found is None) == (other not in ids)
    assert found is None or found >= 0


@given(IDS, st.lists(st.text(max_size=8), max_size=40))
def test_idmap_split_tells_known_from_unknown_once_each_in_order(ids, asked):
    idmap = IdMap(ids)
    known = idmap.split([*asked, *ids, *asked])
    back = [idmap.ids[ix] for ix in known.indices]
    assert sorted(back + known.unknown) == sorted({*asked, *ids})
    assert [external for external in dict.fromkeys([*asked, *ids]) if external in set(ids)] == back
    assert not set(known.unknown) & set(ids)


@pytest.mark.parametrize("ids", [["a", "a"], ["a", "b", "a"], [""], ["a", ""]])
def test_idmap_of_repeated_or_empty_ids_is_refused(ids):
    with pytest.raises(ContentError):
        IdMap(ids)


def test_idmap_split_accepts_a_generator():
    assert IdMap(["a", "b"]).split(external for external in ("b", "x", "b")) == ([1], ["x"])
