"""`prismrec recommend | explain | coldstart`: what the service answers, from the shell; --json gives its very reply."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from prismrec import flags, inprocess
from prismrec.commands.answers import show_coldstart, show_explained, show_list, show_profile
from prismrec.failures import CommandError
from prismrec.globals import EPILOG
from prismrec.session import session_of

User = Annotated[str | None, typer.Argument(metavar="[USER]", help="A user of the store.")]
History = Annotated[
    str | None, typer.Option(metavar="ID,ID,...", help="Items liked; without USER, or added to the stored history.")
]
Genres = Annotated[
    list[str] | None, typer.Option("--genres", metavar="VALUE", help="A condition value (see /conditions); repeatable.")
]
Match = Annotated[Literal["any", "all"], typer.Option(help="Whether an item must have any or all of them.")]
Mode = Annotated[
    Literal["soft", "strict", "both"], typer.Option(help="soft: the model's input; strict: a filter; both.")
]
Steered = Annotated[
    list[str] | None,
    typer.Option("--steer", metavar="NAME=SD", help="A push, as genre:Comedy=1.5 or 7=-1 (a factor); repeatable."),
]
Lock = Annotated[
    list[str] | None,
    typer.Option("--lock", metavar="ATTRIBUTE", help="What the push must leave as it is; repeatable."),
]
Preferred = Annotated[
    bool, typer.Option("--preferences/--no-preferences", help="The user's stored ones, if no --steer.")
]
Count = Annotated[int, typer.Option("-n", min=1, help="Length of the list.")]


def register(app: typer.Typer) -> None:
    for verb in (recommend, explain, coldstart):
        app.command(epilog=EPILOG)(verb)


def recommend(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    bundle: flags.Bundle,
    user: User = None,
    *,
    history: History = None,
    n: Count = 10,
    genres: Genres = None,
    match: Match = "any",
    mode: Mode = "soft",
    steer: Steered = None,
    lock: Lock = None,
    preferences: Preferred = True,
    why: Annotated[bool, typer.Option("--explain", help="A sentence of reasons with each item.")] = False,
    store: flags.Store = None,
) -> None:
    """A list for a stored user, a history, or both."""
    body = {
        **_someone(user, history),
        "n": n,
        **_condition(genres, match, mode),
        **_steering(steer, lock),
        "preferences": preferences,
        "explain": why,
    }
    reply = inprocess.ask(bundle, store, "/recommend", body)
    session_of(context).result(reply, lambda console: show_list(console, reply))


def explain(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    bundle: flags.Bundle,
    user: User = None,
    *,
    item: Annotated[
        str | None, typer.Option(metavar="ID", help="Why this item; without it, the user's profile.")
    ] = None,
    history: History = None,
    steer: Steered = None,
    lock: Lock = None,
    preferences: Preferred = True,
    top_factors: Annotated[int | None, typer.Option(min=1, help="How many factors are told apart.")] = None,
    counterfactual: Annotated[
        bool, typer.Option("--counterfactual", help="Also the items without which it would leave the list.")
    ] = False,
    store: flags.Store = None,
) -> None:
    """Why an item: its score taken apart by factors and by history. Without --item: a profile in decoded factors."""
    body = _someone(user, history) | _said(item_id=item, top_factors=top_factors, counterfactual=counterfactual or None)
    body |= _steering(steer, lock) | {"preferences": preferences}
    reply = inprocess.ask(bundle, store, "/explain", body)
    show = show_explained if item is not None else show_profile
    session_of(context).result(reply, lambda console: show(console, reply))


def coldstart(  # noqa: PLR0913 - each parameter is an option
    context: typer.Context,
    bundle: flags.Bundle,
    picks: Annotated[
        list[str],
        typer.Argument(
            metavar="PICK...",
            help="FACTOR:positive|negative, or ATTRIBUTE:VALUE (genre:Comedy); =1.5 behind one is its strength.",
        ),
    ],
    *,
    user: Annotated[str | None, typer.Option(metavar="USER", help="Blend with the history of a stored user.")] = None,
    history: Annotated[str | None, typer.Option(metavar="ID,ID,...", help="Blend with a few items liked.")] = None,
    n: Count = 10,
    samples: Annotated[int, typer.Option(min=1, help="Points drawn from what is picked.")] = 32,
    strength: Annotated[
        float | None, typer.Option(min=0.0, help="Of every pick without one: 1 samples a half as it is.")
    ] = None,
    diversity: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="0: the samples' mean; 1: each gets items of its own."),
    ] = None,
    genres: Genres = None,
    match: Match = "any",
    mode: Mode = "soft",
    store: flags.Store = None,
) -> None:
    """A list for somebody new, sampled from what is picked, around a short history; --seed makes it repeatable."""
    session = session_of(context)
    asked = [{**_said(strength=strength), **_pick(pick)} for pick in picks]
    body = {
        "picks": asked,
        "n": n,
        "samples": samples,
        "seed": session.seed or 0,
        **_said(user_id=user, history=_ids(history), diversity=diversity),
        **_condition(genres, match, mode),
    }
    reply = inprocess.ask(bundle, store, "/coldstart", body)
    session.result(reply, lambda console: show_coldstart(console, reply))


def _someone(user: str | None, history: str | None) -> dict[str, Any]:
    if user is None and history is None:
        raise CommandError("nobody is asked for", hint="give a USER of the store, or --history ID,ID,...")
    return _said(user_id=user, history=_ids(history))


def _ids(listed: str | None) -> list[str] | None:
    return None if listed is None else [item.strip() for item in listed.split(",") if item.strip()]


def _condition(genres: list[str] | None, match: str, mode: str) -> dict[str, Any]:
    return {"condition": {"genres": genres, "match": match, "mode": mode}} if genres else {}


def _steering(terms: list[str] | None, lock: list[str] | None) -> dict[str, Any]:
    """The field `steer`; nothing when no push was asked for, so that stored preferences may steer."""
    if not terms and not lock:
        return {}
    asked: dict[str, Any] = {"factors": {}, "attributes": {}, "lock": lock or []}
    for term in terms or ():
        name, _, strength = term.rpartition("=")
        try:
            asked["factors" if name.isascii() and name.isdigit() else "attributes"][name] = float(strength)
        except ValueError:
            raise CommandError(
                f"--steer {term} is not of the form NAME=SD", hint="for example genre:Comedy=1.5, or 7=-1"
            ) from None
    return {"steer": asked}


def _pick(text: str) -> dict[str, Any]:
    told, equals, number = text.rpartition("=")
    try:
        strength = {"strength": float(number)} if equals else {}
    except ValueError:  # a value with "=" in its name
        told, strength = text, {}
    name, colon, what = (told if strength else text).partition(":")
    if not colon or not name or not what:
        raise CommandError(
            f"the pick {text!r} is not of the form NAME:WHAT",
            hint="for example 7:positive, genre:Comedy, or genre:Comedy=1.5",
        )
    if name.isascii() and name.isdigit():
        return {"factor": int(name), "half": what, **strength}
    return {"attribute": name, "value": what, **strength}


def _said(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
