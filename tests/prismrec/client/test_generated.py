"""The generated files are what the generator makes of the committed document; what it cannot read it refuses."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from prismrec.clientmaking.__main__ import CLIENT, differing, made_from, main
from prismrec.clientmaking.document import Document, UnsupportedError
from prismrec.clientmaking.models import model_modules
from tests.prismrec.client.test_contract import DOCUMENT

OPENAPI = Path(__file__).parents[3] / "openapi" / "openapi.json"


@pytest.fixture
def document() -> dict[str, Any]:
    """A copy to spoil."""
    return copy.deepcopy(DOCUMENT)


def test_committed_client_is_what_the_document_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check", str(OPENAPI)]) == 0, capsys.readouterr().err


def test_files_are_written_replaced_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(OPENAPI)], tmp_path) == 0
    assert main(["--check", str(OPENAPI)], tmp_path) == 0
    (tmp_path / "problems.py").write_text("", encoding="utf-8")
    (tmp_path / "models" / "former.py").write_text("", encoding="utf-8")
    assert main(["--check", str(OPENAPI)], tmp_path) == 1
    assert "models/former.py, problems.py" in capsys.readouterr().err
    assert main([str(OPENAPI)], tmp_path) == 0
    assert main(["--check", str(OPENAPI)], tmp_path) == 0
    assert main([]) == 2


def test_change_of_the_document_is_noticed(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Recommendation"]["properties"]["mood"] = {"type": "string"}
    operation = document["paths"]["/items"]["get"]
    operation["parameters"].append({"name": "year", "in": "query", "schema": {"type": "integer"}})
    document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"].append("out-of-tea")
    made = made_from(Document(document))
    assert set(differing(made, CLIENT)) >= {"models/recommend.py", "operations/catalogue.py", "problems.py"}
    assert "class OutOfTeaError(ProblemError):" in made["problems.py"]
    assert "year: int | None = None" in made["operations/catalogue.py"]


UNREADABLE: dict[str, dict[str, Any]] = {
    "several kinds of values": {"type": "object", "patternProperties": {"a": {"type": "string"}, "b": {}}},
    "a tuple": {"type": "array", "prefixItems": [{"type": "string"}]},
    "no kind": {"not": {"type": "string"}},
    "allOf": {"allOf": [{"type": "string"}]},
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_schema_without_a_rule_is_refused(document: dict[str, Any], name: str, tmp_path: Path) -> None:
    document["components"]["schemas"]["Recommendation"]["properties"]["mood"] = UNREADABLE[name]
    with pytest.raises(UnsupportedError, match=r"Recommendation\.mood"):
        made_from(Document(document))
    path = tmp_path / "openapi.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert main([str(path)], tmp_path) == 2


@pytest.mark.parametrize(
    "parameter",
    [
        {"name": "X-Other", "in": "header", "schema": {"type": "string"}},
        {"name": "session", "in": "cookie", "schema": {"type": "string"}},
        {"name": "class", "in": "query", "schema": {"type": "string"}},
        {"name": "options", "in": "query", "schema": {"type": "string"}},
    ],
    ids=lambda parameter: parameter["name"],
)
def test_parameter_without_a_rule_is_refused(document: dict[str, Any], parameter: dict[str, Any]) -> None:
    document["paths"]["/items"]["get"]["parameters"].append(parameter)
    with pytest.raises(UnsupportedError):
        made_from(Document(document))


def test_request_member_whose_null_means_something_is_left_out_by_another_word(document: dict[str, Any]) -> None:
    member = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": 3}
    document["components"]["schemas"]["RecommendRequest"]["properties"]["mood"] = member
    made = made_from(Document(document))
    for path in ("models/recommend.py", "operations/recommend.py"):
        assert "mood: int | None | msgspec.UnsetType = msgspec.UNSET" in made[path]


REPLIED: list[tuple[dict[str, Any], str]] = [
    ({"type": "string"}, "str | None = None"),
    ({"type": "array", "items": {"type": "integer"}}, "list[int] = msgspec.field(default_factory=list)"),
    ({"type": "object", "additionalProperties": True}, "dict[str, Any] = msgspec.field(default_factory=dict)"),
    ({"anyOf": [{"type": "boolean"}, {"type": "null"}], "default": None}, "bool | None = None"),
    ({"type": "integer", "default": 3}, "int = 3"),
    ({"$ref": "#/components/schemas/Steer", "default": {"lock": []}}, "Steer | None = None"),
    ({"type": "string", "enum": ["a", "b"], "default": "a"}, 'str = "a"'),
    ({}, "Any | None = None"),
]


@pytest.mark.parametrize(("schema", "member"), REPLIED, ids=lambda value: str(value)[:30])
def test_member_that_need_not_come_has_a_default(document: dict[str, Any], schema: Any, member: str) -> None:
    document["components"]["schemas"]["Recommendation"]["properties"]["mood"] = schema
    made = model_modules(Document(document))["recommend"]
    assert f"    mood: {member}\n" in made


def test_quotes_and_backslashes_of_a_description_stay_text(document: dict[str, Any]) -> None:
    told = 'Ends with """ and \\d and "quotes"'
    document["components"]["schemas"]["Recommendation"]["properties"]["offset"]["description"] = told
    made = made_from(Document(document))["models/recommend.py"]
    compile(made, "made", "exec")
    assert "\\\\d" in made
