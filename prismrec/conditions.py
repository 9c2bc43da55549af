"""The condition when nobody names one and the items have no genre: the only other attribute, said aloud."""

from __future__ import annotations

import dataclasses

from prismrec.choices import Choices
from prismrec.inputs import Prepared
from prismrec.session import Session


def settled(session: Session, chosen: Choices, prepared: Prepared) -> Choices:
    """`chosen` with the condition that these items can give; as it was when it was named, or nothing can be told."""
    from training.data.condition import default_condition
    from training.models.registry import entry_for

    named = chosen.flags.condition is not None or "condition" in chosen.config.model
    if named or not entry_for(chosen.kind).conditioned:
        return chosen
    found = default_condition({a.name: a.kind for a in prepared.catalogue.attributes if a.values})
    if found is None or found == chosen.condition:
        return chosen
    session.note(f"the items have no {chosen.condition}; the condition is their only other attribute, {found}")
    return dataclasses.replace(chosen, condition=found)
