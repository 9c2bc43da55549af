"""The dashboard's file against the types that Grafana publishes; Grafana itself is not run.

A dashboard that is read into these types and written again must say the same: Grafana passes over a field that it does
not know, so a misspelt one is a setting that nobody sees missing.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

models = pytest.importorskip(
    "grafana_foundation_sdk.models.dashboard", reason="NOT TESTED: Grafana's types, there is no grafana-foundation-sdk"
)
PATH = Path(__file__).parents[2] / "deploy" / "grafana" / "dashboards" / "prismrec.json"
DASHBOARD = json.loads(PATH.read_text("utf-8"))
Spoil = Callable[[dict[str, Any]], object]


def lost(given: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Where in `given` is what `kept` does not have, or has otherwise; what was added is no loss."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for name, value in given.items():
            if name in kept:
                yield from lost(value, kept[name], f"{at}/{name}")
            else:
                yield f"{at}/{name}"
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for place, (value, other) in enumerate(zip(given, kept, strict=True)):
            yield from lost(value, other, f"{at}/{place}")
    elif given != kept:
        yield at


def lost_by_grafana(dashboard: dict[str, Any]) -> list[str]:
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.cog.plugins import register_default_plugins

    register_default_plugins()  # the types of panels and of Prometheus' queries
    again = json.dumps(models.Dashboard.from_json(dashboard), cls=JSONEncoder)
    return list(lost(dashboard, json.loads(again)))


def test_dashboard_has_no_field_that_grafana_does_not_know() -> None:
    assert lost_by_grafana(DASHBOARD) == []


SPOILT: dict[str, Spoil] = {
    "/titel": lambda d: d.update(titel="x"),
    "/templating/list/1/alValue": lambda d: d["templating"]["list"][1].update(alValue=".*"),
    "/panels/1/fieldConfig/defaults/unitt": lambda d: d["panels"][1]["fieldConfig"]["defaults"].update(unitt="s"),
    "/panels/1/options/colourMode": lambda d: d["panels"][1]["options"].update(colourMode="none"),
    "/panels/1/targets/0/expression": lambda d: d["panels"][1]["targets"][0].update(expression="up"),
}


@pytest.mark.parametrize("at", SPOILT)
def test_field_that_grafana_does_not_know_is_found_out(at: str) -> None:
    spoilt = copy.deepcopy(DASHBOARD)
    SPOILT[at](spoilt)
    assert lost_by_grafana(spoilt) == [at]


def test_every_word_that_is_chosen_from_a_list_is_in_grafanas() -> None:
    """The types take any word; those that a panel and a variable choose from are asked for one by one."""
    from grafana_foundation_sdk.models import common

    for panel in DASHBOARD["panels"]:
        options = panel.get("options", {})
        if panel["type"] == "stat":
            common.BigValueColorMode(options["colorMode"])
            common.BigValueGraphMode(options["graphMode"])
            common.BigValueTextMode(options["textMode"])
            common.BigValueJustifyMode(options["justifyMode"])
        if panel["type"] == "timeseries":
            common.LegendDisplayMode(options["legend"]["displayMode"])
            common.LegendPlacement(options["legend"]["placement"])
            common.TooltipDisplayMode(options["tooltip"]["mode"])
            common.SortOrder(options["tooltip"]["sort"])
    for variable in DASHBOARD["templating"]["list"]:
        models.VariableType(variable["type"])
        models.VariableRefresh(variable["refresh"])
        models.VariableSort(variable["sort"])
    models.DashboardCursorSync(DASHBOARD["graphTooltip"])
    with pytest.raises(ValueError, match="purple"):
        common.BigValueColorMode("purple")
