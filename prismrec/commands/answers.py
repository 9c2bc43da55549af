"""The service's replies as tables for a terminal. Nothing is computed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from prismrec.session import table_of

Reply = Mapping[str, Any]


def show_list(console: Console, reply: Reply) -> None:
    """A list with scores; with reasons, a sentence below it for each item."""
    console.print(_items(f"by {reply['source']}, bundle {reply['bundle_id']}", reply))
    for item in reply["items"]:
        if item.get("reasons"):
            _say(console, f"{item['rank']}. {item['reasons']['sentence']}")
    if reply["steering"] is not None:
        _say(console, _steered(reply["steering"]))
    _notes(console, reply)


def show_coldstart(console: Console, reply: Reply) -> None:
    """The list, what each pick became, and the share of the attribute in the list beside the catalogue's."""
    console.print(_items(f"{reply['samples']} samples, seed {reply['seed']}, bundle {reply['bundle_id']}", reply))
    for pick in reply["picks"]:
        what = f"factor {pick['factor']} {pick['half']}" if pick["factor"] is not None else "a direction"
        note = f" ({pick['note']})" if pick["note"] else ""
        _say(console, f"picked: {what}, strength {pick['strength']:g}: {_reads(pick)}{note}")
    for share in reply["shares"]:
        name = f"{share['attribute']} {share['value']}"
        _say(console, f"{name}: {share['in_list']:.0%} of the list, {share['in_catalogue']:.0%} of the catalogue")
    if joint := reply["joint"]:
        _say(console, f"all of these: {joint['in_list']:.0%} of the list, {joint['in_catalogue']:.0%} of the catalogue")
    _say(console, f"merged: {reply['merged_by']}")
    if reply["history_used"]:
        _say(console, f"around {reply['history_used']} items of a history")
    _notes(console, reply)


def show_explained(console: Console, reply: Reply) -> None:
    """The score as a sum over factors, the same score as a sum over the history, and what would change it."""
    rank = f"rank {reply['rank']}" if reply["rank"] else f"not listed ({reply['not_listed']})"
    _say(console, f"{reply['item_id']} {reply['title'] or ''}: {rank}, score {reply['score']:.4f}")
    _say(console, reply["sentence"])
    rows: list[tuple[Any, ...]] = [("", "base value", "", f"{reply['base_value']:+.4f}")]
    rows += [
        (f["factor"], _reads(f), f"{f['half']}, {f['percentile']:.0f} %", f"{f['contribution']:+.4f}")
        for f in reply["factors"]
    ]
    if reply["n_other_factors"]:
        rows.append(("", f"{reply['n_other_factors']} other factors", "", f"{reply['other_factors']:+.4f}"))
    rows += [("", name, "", f"{reply[name]:+.4f}") for name in ("linear", "residual")]
    rows.append(("", "score", "", f"{reply['score']:+.4f}"))
    console.print(table_of("by factor", (">factor", "reads as", "half, percentile", ">contribution"), rows))
    rows = [(h["item_id"], h["title"] or "", f"{h['contribution']:+.4f}") for h in reply["history"]]
    rows = [("", "base value", f"{reply['history_base']:+.4f}"), *rows]
    rows.append(("", "residual", f"{reply['history_residual']:+.4f}"))
    console.print(table_of("by history", ("item", "title", ">contribution"), rows))
    if reply["counterfactual"]:
        _say(console, _without(reply["counterfactual"]))
    _notes(console, reply)


def show_profile(console: Console, reply: Reply) -> None:
    """Where somebody stands in the decoded factors."""
    rows = [
        (f["factor"], _reads(f), f["half"], f"{f['z']:+.3f}", f"{f['percentile']:.0f} %", _pulls(f))
        for f in reply["factors"]
    ]
    columns = (">factor", "reads as", "half", ">z", ">percentile", "because of")
    console.print(table_of(f"profile, bundle {reply['bundle_id']}", columns, rows))
    _say(console, reply["sentence"])
    _notes(console, reply)


def _without(found: Reply) -> str:
    if not found["remove"]:
        return f"no counterfactual: {found['reason']}"
    to = f"rank {found['new_rank']}" if found["new_rank"] else "no rank"
    checked = "tried on the model" if found["valid"] else "not enough to leave the list"
    back = f" (of which {', '.join(found['offered'])} would be listed)" if found["offered"] else ""
    return f"counterfactual: without {', '.join(found['remove'])}{back} it would have {to} ({checked})"


def _steered(found: Reply) -> str:
    """What the steering changed, in one line."""
    by = "the request" if found["source"] == "request" else "stored preferences"
    parts = [f"{len(found['items_in'])} items in, {len(found['items_out'])} out"]
    parts += [f"{s['attribute']} {s['value']} {s['before']:.0%} -> {s['after']:.0%}" for s in found["shares"]]
    parts += [f"mean {m['attribute']} {_number(m['before'])} -> {_number(m['after'])}" for m in found["means"]]
    parts += [f"{lock['attribute']} locked, drift {lock['drift']:.2f}{_unlocked(lock)}" for lock in found["locked"]]
    parts += [f"ignored: {text}" for text in found["ignored"]]
    return f"steered by {by}: {', '.join(parts)}" + (f" ({found['note']})" if found["note"] else "")


def _unlocked(lock: Reply) -> str:
    """Beside the drift, what it is without the lock; a service of before says nothing of that."""
    free = lock.get("unlocked")
    return "" if free is None else f" ({free:.2f} without the lock)"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _items(title: str, reply: Reply) -> Any:
    rows = [
        (i["rank"], i["item_id"], i.get("title") or "", f"{i['score']:.4f}", f"{i['probability']:.5f}")
        for i in reply["items"]
    ]
    return table_of(title, (">rank", "item", "title", ">score", ">probability"), rows)


def _reads(part: Reply) -> str:
    named = f"{part['attribute']} {part['value']}" if part["attribute"] else ""
    return f"{named} ({part['status']})" if named and part["status"] != "decoded" else named or str(part["status"])


def _pulls(factor: Reply) -> str:
    return ", ".join(f"{pull['title'] or pull['item_id']} {pull['pull']:+.2f}" for pull in factor["items"][:3])


def _notes(console: Console, reply: Reply) -> None:
    """What the reader should know of the reply: what was short, unknown, or only partly satisfied."""
    if reply.get("short_reason"):
        _say(console, f"{reply['returned']} of {reply['requested']}: {reply['short_reason']}")
    if reply.get("condition_satisfied") is not None:
        _say(console, f"condition satisfied by {reply['condition_satisfied']:.0%} of the list")
    if reply.get("unknown_items"):
        _say(console, f"not in the catalogue: {', '.join(reply['unknown_items'])}")


def _say(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, markup=False)
