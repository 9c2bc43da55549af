"""The options that several verbs share, each worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from prismrec import choices

Data = Annotated[
    Path,
    typer.Argument(metavar="DATA", help="A data folder (MovieLens, a CSV/TSV/Parquet pair) or an interactions file."),
]
DataOrFormer = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DATA]", help="A data folder or an interactions file; with -c RUN/run.json by default that run's."
    ),
]
Items = Annotated[Path | None, typer.Option(metavar="FILE", help="The items, when DATA is a file.")]
MaxBad = Annotated[
    float, typer.Option(min=0.0, max=1.0, help="Share of rejected lines from which reading stops with an error.")
]
MaxBadOrFormer = Annotated[
    float | None,
    typer.Option(
        min=0.0, max=1.0, help="Share of rejected lines from which reading stops with an error (default 0.01)."
    ),
]
Threshold = Annotated[
    str | None,
    typer.Option(
        metavar="R|none", help="Ratings from R count as liked; none: every row. Default: by the data's format."
    ),
]
MinItems = Annotated[int | None, typer.Option(min=1, help="Users with fewer liked items are left out (default 5).")]
HeldOut = Annotated[
    int | None, typer.Option("--heldout", min=1, help="Users in each of validation and test (default: a tenth).")
]
SplitFile = Annotated[
    Path | None,
    typer.Option(
        "--split", metavar="FILE", help="Read the split from this npz (a run's split.npz will do) and make none."
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="An option of [model], [fit], [guide], [protocol] or [decode]; repeatable.",
    ),
]
Baselines = Annotated[
    str | None,
    typer.Option(
        metavar="A,B", help="popularity, item-knn, als, ease, or none (default popularity,ease; als takes minutes)."
    ),
]
NoCurrent = Annotated[
    bool, typer.Option("--no-current", help="Leave what is served as it is: the version waits for `prismrec use`.")
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="KIND",
        help="The model: additive-vae, c-vae, mult-vae, mult-dae, autoencoder, contrastive, rec-vae or macrid-vae.",
    ),
]
Condition = Annotated[
    str | None,
    typer.Option(
        metavar="ATTRIBUTE",
        help="The item attribute whose values are the conditions of an additive-vae or c-vae (default genre, else the "
        "only one that is no number).",
    ),
]
Guide = Annotated[
    str | None,
    typer.Option(
        "--guide",
        metavar="A,B",
        help="The item attributes that get latents of their own; auto: all that fit; none (default: auto for an "
        "additive-vae, none for others).",
    ),
]
Device = Annotated[choices.Device, typer.Option(help="auto: a GPU if there is one.")]
Devices = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Processes that share every batch: one for each GPU, or several on the CPU (default 1).",
    ),
]
Nodes = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="M", help="Machines; run this on each with MASTER_ADDR and NODE_RANK set, or use torchrun."
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads for training (default: torch's choice).")]
TrackerName = Annotated[
    choices.Tracker | None, typer.Option("--tracker", help="Also send the curves there, if installed.")
]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as `prismrec train` made it.")]
RunOption = Annotated[
    Path | None, typer.Option("--run", metavar="FOLDER", help="The run folder (default runs/<name>).")
]
Force = Annotated[
    str | None,
    typer.Option(
        metavar="REASON", help="Export although the model is no better than popularity; goes into the manifest."
    ),
]
Bundle = Annotated[
    Path,
    typer.Argument(
        metavar="BUNDLE", help="A bundle folder (models/demo/1) or a model's (models/demo: its current one)."
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help="Where histories live: sqlite:///FILE or postgresql://USER@HOST:PORT/DATABASE (PRISMREC_STORE_URL, else "
        "sqlite:///models/<name>.sqlite, beside the model).",
    ),
]
RestoreErased = Annotated[
    bool,
    typer.Option(
        "--restore-erased", help="Load users who were erased from the store, too; they are left out otherwise."
    ),
]
Merge = Annotated[
    bool, typer.Option("--merge", help="Load into a store that holds another data set, too: equal user ids are one.")
]
