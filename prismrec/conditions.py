"""The condition when nobody names one and the items have no genre: the only other attribute, said aloud."""

from __future__ import annotations

import dataclasses

from prismrec.choices import Choices
from prismrec.failures import CommandError
from prismrec.inputs import Prepared
from prismrec.session import Session


def settled(session: Session, chosen: Choices, prepared: Prepared) -> Choices:
    """`chosen` with the condition that these items can give; as it was when it was named, or nothing can be told."""
    from training.data.condition import default_condition
    from training.models.registry import entry_for

    named = chosen.flags.condition is not None or "condition" in chosen.config.model
    entry, there = entry_for(chosen.kind), {a.name: a.kind for a in prepared.catalogue.attributes if a.values}
    if not entry.conditioned:
        return chosen
    if named:
        if chosen.condition not in there:
            raise CommandError(
                f"the items have no {chosen.condition!r} to condition the {chosen.kind} on",
                hint=f"the attributes are: {', '.join(there) or 'none'}; name one of them with --condition",
            )
        return chosen
    found = default_condition(there)
    if found == chosen.condition:
        return chosen
    if found is None:
        if entry.by_rule and there and chosen.condition not in there:
            session.note(f"no condition: which of {', '.join(there)} it is can be said with --condition")
        return chosen
    session.note(f"the items have no {chosen.condition}; the condition is their only other attribute, {found}")
    return dataclasses.replace(chosen, condition=found)
