"""Whether the parts of a bundle agree with each other: asked before writing one and after reading one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from bundle import files
from bundle.catalogue import Catalogue
from bundle.errors import ContentError
from bundle.factors import FactorMap, LatentMap
from bundle.manifest import Conditions, Manifest

T = TypeVar("T", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Parts:
    """The three JSON files of a bundle, parsed and checked."""

    catalogue: Catalogue
    factors: FactorMap
    latent_map: LatentMap


def check_content(manifest: Manifest, content: Mapping[str, bytes]) -> Parts:
    """Parse items.json, factors.json and latent_map.json; raise ContentError where they contradict the manifest.

    content  file name -> bytes. Costs one parse of each; the graphs are not looked into (that needs a runtime).
    """
    catalogue = _decode(content, files.ITEMS, Catalogue)
    factors = _decode(content, files.FACTORS, FactorMap)
    latent_map = _decode(content, files.LATENT_MAP, LatentMap)
    catalogue.check()
    if len(catalogue) != manifest.dims.n_items:
        raise ContentError(f"items.json has {len(catalogue)} items, the model has {manifest.dims.n_items}")
    factors.check(manifest.dims.n_latent)
    latent_map.check()
    _check_conditions(manifest.conditions, catalogue)
    _check_names(factors, catalogue)
    return Parts(catalogue, factors, latent_map)


def _decode(content: Mapping[str, bytes], name: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content[name], type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ContentError(f"{name} does not fit the format: {error}") from error


def _check_conditions(conditions: Conditions, catalogue: Catalogue) -> None:
    if conditions.attribute is None:
        return
    attribute = catalogue.attribute(conditions.attribute)
    missing = set(conditions.values) - set(attribute.values if attribute else ())
    if missing:
        raise ContentError(f"the conditions name {sorted(missing)}, which no item attribute has")


def _check_names(factors: FactorMap, catalogue: Catalogue) -> None:
    """Every attribute, value and example item that the map speaks of exists: the map never invents a name."""
    values = {a.name: frozenset(a.values) for a in catalogue.attributes}
    for where, attribute, value in _named(factors):
        if attribute not in values:
            raise ContentError(f"factors.json: {where} names attribute {attribute!r}, which items.json does not have")
        if value is not None and value not in values[attribute]:
            raise ContentError(f"factors.json: {where} names {attribute} {value!r}, which items.json does not have")
    for factor in factors.factors:
        for example in (*factor.examples_negative, *factor.examples_positive):
            if catalogue.idmap.index(example) is None:
                raise ContentError(f"factors.json: an example of factor {factor.factor} is not an item of items.json")


def _named(factors: FactorMap) -> Iterator[tuple[str, str, str | None]]:
    for factor in factors.factors:
        where = f"factor {factor.factor}"
        for reading in (factor.negative, factor.positive):
            if reading.attribute is not None:
                yield where, reading.attribute, reading.value
        for evidence in factor.evidence:
            yield where, evidence.attribute, evidence.value
            yield where, evidence.attribute, evidence.shifted_value
    for direction in factors.directions:
        yield "a direction", direction.attribute, direction.value
    for taste in () if factors.space is None else factors.space.tastes:
        yield "the space", taste.attribute, taste.value
