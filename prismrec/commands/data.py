"""`prismrec data ...`: make, convert, describe and check data."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from prismrec import flags
from prismrec.checks import Line, print_checks
from prismrec.config import Config, keys_of, read_config, with_settings
from prismrec.globals import EPILOG
from prismrec.inputs import DataChoice, protocol_for, read
from prismrec.session import session_of, table_of

app = typer.Typer(name="data", help="Make, convert, describe and check data.", rich_markup_mode=None)


@app.command(epilog=EPILOG)
def synth(
    context: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the data goes.")],
    *,
    name: Annotated[str | None, typer.Option(help="What the data set is called (default: the folder's name).")] = None,
    users: Annotated[int | None, typer.Option(min=1, help="Number of users.")] = None,
    items: Annotated[int | None, typer.Option(min=1, help="Number of items.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any other option.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Write over an earlier synthetic set in FOLDER.")] = False,
) -> None:
    """Synthetic data whose users follow planted factors (genre, year, rating), so that decoding can be scored."""
    from training.checked import checked
    from training.data.convert import prepare_folder
    from training.data.synth import SynthConfig, synthesise, write_synth

    session = session_of(context)
    prepare_folder(out, replace=replace)
    said: dict[str, Any] = {"n_users": users, "n_items": items, "seed": session.seed}
    keys = {"model": keys_of(SynthConfig)}
    overrides = dict(with_settings(Config(), settings or (), keys=keys).model)
    overrides |= {key: value for key, value in said.items() if value is not None}
    synthetic = synthesise(checked(SynthConfig, overrides, what="data synth"))
    dataset = dataclasses.replace(synthetic.dataset, name=name or out.resolve().name)
    write_synth(dataclasses.replace(synthetic, dataset=dataset), out, replace=replace)
    n_users = synthetic.dataset.interactions["user_id"].n_unique()
    document = {
        "folder": str(out),
        "n_users": n_users,
        "n_items": len(synthetic.dataset.items),
        "n_interactions": len(synthetic.dataset.interactions),
    }
    text = "{folder}: {n_interactions} interactions of {n_users} users with {n_items} items".format(**document)
    session.result(document, lambda console: console.print(text))


@app.command(epilog=EPILOG)
def convert(
    context: typer.Context,
    data: flags.Data,
    out: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the converted data goes.")],
    *,
    items: flags.Items = None,
    max_bad: flags.MaxBad = 0.01,
    replace: Annotated[bool, typer.Option("--replace", help="Write over an earlier converted set in FOLDER.")] = False,
) -> None:
    """Any readable data to Parquet, which is read many times faster; counts of what was left out go along."""
    from training.data.convert import prepare_folder, write_dataset

    session = session_of(context)
    prepare_folder(out, replace=replace)
    dataset = read(session, DataChoice(data, items, max_bad))
    write_dataset(dataset, out, replace=replace)
    document = {
        "folder": str(out),
        "n_read": dataset.n_read,
        "n_interactions": len(dataset.interactions),
        "rejects": [dataclasses.asdict(reject) for reject in dataset.rejects],
    }
    text = f"{out}: {len(dataset.interactions)} interactions of {dataset.n_read} lines"
    session.result(document, lambda console: console.print(text))


@app.command(epilog=EPILOG)
def describe(
    context: typer.Context,
    data: flags.Data,
    *,
    items: flags.Items = None,
    max_bad: flags.MaxBad = 0.01,
    threshold: flags.Threshold = None,
    min_items: flags.MinItems = None,
    heldout: flags.HeldOut = None,
) -> None:
    """How hard a data set is: size, density, popularity Gini, effective rank, structure, after the split's filters; and
    the epochs until a mult-vae's latents carry the users' tastes."""
    from training.data.describe import HISTORY_QUANTILES
    from training.data.describe import describe as complexity_of
    from training.data.split import split_dataset
    from training.too_short import PAGE

    session = session_of(context)
    choice = DataChoice(data, items, max_bad, threshold, min_items, heldout)
    dataset = read(session, choice)
    split = split_dataset(dataset, protocol_for(dataset, read_config(session.config), choice))
    figures = dataclasses.asdict(complexity_of(split))
    lengths = dict(zip(HISTORY_QUANTILES, figures.pop("history_quantiles"), strict=True))
    rows = [*figures.items(), *((_quantile_name(share), length) for share, length in lengths.items())]
    expected = _expected(figures["n_training_users"], figures["n_items"])
    cells = [(name, _short(value)) for name, value in rows]
    cells.append(
        ("expected epochs until the latents carry tastes", "{epochs:.3g} ({low:.3g} to {high:.3g})".format(**expected))
    )
    session.result(
        {
            "data": str(data),
            **figures,
            "history_quantiles": {f"{share:g}": n for share, n in lengths.items()},
            "expected_epochs": expected,
        },
        lambda console: console.print(table_of(str(data), ("figure", ">value"), cells)),
    )
    session.note(
        "expected epochs: of a mult-vae of the usual size with the defaults of training, on families of synthetic data "
        f"(90 % interval); see {PAGE}"
    )


@app.command(epilog=EPILOG)
def validate(
    context: typer.Context,
    data: flags.Data,
    *,
    items: flags.Items = None,
    max_bad: flags.MaxBad = 0.01,
    threshold: flags.Threshold = None,
    min_items: flags.MinItems = None,
    heldout: flags.HeldOut = None,
) -> None:
    """PASS and FAIL lines with counts and examples; exit code 1 when one fails."""
    from training.data.validate import validate as checks_of

    session = session_of(context)
    choice = DataChoice(data, items, max_bad, threshold, min_items, heldout)
    dataset = read(session, dataclasses.replace(choice, max_bad=1.0))  # what is too much is a check here, not an error
    checks = checks_of(dataset, protocol_for(dataset, read_config(session.config), choice), max_bad=max_bad)
    lines = [Line(c.name, c.passed, _with_examples(c.detail, c.count, c.examples), c.hint or None) for c in checks]
    print_checks(session, lines)


def _with_examples(detail: str, count: int, examples: tuple[str, ...]) -> str:
    shown = f" (e.g. {', '.join(examples)})" if examples else ""
    return f"{detail}{shown}" if detail else f"{count}{shown}"


def _expected(n_users: int, n_items: int) -> dict[str, float]:
    """Epochs until the latents of a mult-vae are active that is as large as `train` makes it for so many users."""
    from prismrec.choices import SMALL_MODEL, SMALL_USERS
    from training.models.registry import config_for
    from training.options import FitConfig
    from training.too_short import Plan, expected_epochs

    said = SMALL_MODEL if n_users < SMALL_USERS else {}
    hidden = int(config_for("mult-vae", said).model_dump()["hidden"])
    return dataclasses.asdict(expected_epochs(Plan(FitConfig(), n_users, n_items, hidden)))


def _quantile_name(share: float) -> str:
    """What a quantile of the lengths of histories is called in the table."""
    names = {0.0: "shortest history", 0.5: "median history", 1.0: "longest history"}
    return names.get(share, f"history of the {share:.0%} quantile")


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
