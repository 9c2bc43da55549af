"""Which of an item's own columns a reply shows."""

from __future__ import annotations

import msgspec
import pytest

from service.http.showing import field_names
from service.schemas.items import ItemDetail, ItemFound, SimilarFound
from service.schemas.recommend import RESERVED, ListedItem
from tests.builders import builder_catalogue


@pytest.mark.parametrize("wire", [ItemDetail, ItemFound, SimilarFound, ListedItem])
def test_no_column_may_take_the_name_of_a_member_of_the_reply(wire: type) -> None:
    assert set(wire.model_fields) <= RESERVED  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ["popularity", "bundle_id", "rank"])
def test_column_named_like_a_member_is_not_shown(name: str) -> None:
    catalogue = builder_catalogue()
    first = catalogue.attributes[0]
    renamed = msgspec.structs.replace(catalogue, attributes=(msgspec.structs.replace(first, field=name),))
    assert first.field in field_names(catalogue)
    assert name not in field_names(renamed)
