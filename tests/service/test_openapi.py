"""The document: committed as generated, valid, complete; and every example in it fits its schema."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from service.errors import STATUS
from service.http.auth import ACCESS
from service.http.openapi_file import document, main
from tests.service.app_client import AppClient
from tests.service.make_examples import GETS, POSTS

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(document())
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}
NO_BODY_EXAMPLE = {"metrics"}


@pytest.fixture
def copied() -> dict[str, Any]:
    """A copy to spoil."""
    return copy.deepcopy(DOCUMENT)


def check(value: Any, schema: dict[str, Any]) -> None:
    """The value fits a schema of the document (JSON Schema 2020-12, as OpenAPI 3.1 has it)."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def test_committed_document_is_what_the_code_makes() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == document(), "run `make openapi` and commit the result"


def test_check_notices_a_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "openapi.json"
    assert main([str(path)]) == 0
    assert main(["--check", str(path)]) == 0
    path.write_text(path.read_text(encoding="utf-8").replace("recommend", "commend", 1), encoding="utf-8")
    assert main(["--check", str(path)]) == 1
    assert "make openapi" in capsys.readouterr().err
    assert main([]) == 2


def test_served_document_is_the_committed_one(client: AppClient) -> None:
    assert client.get("/openapi.json").json() == json.loads(COMMITTED.read_text(encoding="utf-8"))


def test_document_is_openapi_3_1_with_every_operation_named_and_tagged() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    assert set(OPERATIONS) == set(ACCESS)
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    for name, (_, _, operation) in OPERATIONS.items():
        assert operation["tags"] and set(operation["tags"]) <= tags, name
        assert operation["description"], name
        assert 10 < len(operation["summary"]) < 120 and not operation["summary"].endswith("."), name
    assert len({operation["summary"] for _, _, operation in OPERATIONS.values()}) == len(OPERATIONS)


@pytest.mark.parametrize(("status", "header"), [("401", "WWW-Authenticate"), ("503", "Retry-After")])
def test_problem_declares_the_header_that_it_comes_with(status: str, header: str) -> None:
    replies = {
        name: operation["responses"][status]
        for name, (_, _, operation) in OPERATIONS.items()
        if status in operation["responses"] and name != "health_ready"
    }
    assert len(replies) > 20
    assert [name for name, reply in replies.items() if reply["headers"][header]["required"] is not True] == []


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_operation_declares_its_errors_and_keys(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    declared = operation["responses"]
    assert {"200", "422", "500"} <= set(declared)
    assert ("security" in operation) == (ACCESS[name] is not None)
    assert ("401" in declared) == (ACCESS[name] is not None)
    forbidden = declared.get("403", {"description": ""})["description"]
    assert ("forbidden: " in forbidden) == (ACCESS[name] not in {None, "read"}), "every key may read"
    for status, reply in declared.items():
        if status == "200" or (name, status) == ("health_ready", "503"):
            continue
        content = reply["content"]
        assert set(content) == {"application/problem+json"}, (name, status)
        for code, example in content["application/problem+json"]["examples"].items():
            assert STATUS[code] == int(status)
            check(example["value"], {"$ref": "#/components/schemas/Problem"})


@pytest.mark.parametrize("name", sorted(set(OPERATIONS) - NO_BODY_EXAMPLE))
def test_operation_has_examples_that_fit(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    reply = operation["responses"]["200"]["content"]["application/json"]
    check(reply["example"], reply["schema"])
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]
        check(body["example"], body["schema"])


def shown(value: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Every default and example that stands in a schema, with that schema."""
    if isinstance(value, list):
        for entry in value:
            yield from shown(entry)
    if not isinstance(value, dict):
        return
    if {"type", "anyOf", "$ref", "enum"} & set(value):
        yield from ((value["default"], value),) if "default" in value else ()
        yield from ((example, value) for example in value.get("examples", ()))
    for name, part in value.items():
        if name not in {"example", "examples", "default"}:
            yield from shown(part)


def test_default_and_example_in_a_schema_fit_it() -> None:
    found = list(shown(DOCUMENT))
    assert len(found) > 50
    for value, schema in found:
        check(value, schema)


def test_default_that_does_not_fit_is_found_out() -> None:
    ((value, schema),) = shown({"properties": {"n": {"type": "integer", "minimum": 1, "default": 0}}})
    with pytest.raises(jsonschema.ValidationError):
        check(value, schema)


def test_document_is_valid_by_the_schema_of_openapi_itself(copied: dict[str, Any]) -> None:
    definitions = pytest.importorskip("schemathesis.specs.openapi.definitions")  # has a copy of it
    whole = jsonschema.Draft202012Validator(definitions.OPENAPI_31)
    whole.validate(copied)
    copied["paths"]["/items"]["get"]["responses"]["200"].pop("description")
    assert not whole.is_valid(copied)


def test_example_check_notices_a_wrong_example() -> None:
    reply = OPERATIONS["recommend"][2]["responses"]["200"]["content"]["application/json"]
    with pytest.raises(jsonschema.ValidationError):
        check(reply["example"] | {"requested": "ten"}, reply["schema"])


def test_live_replies_fit_their_schemas(client: AppClient) -> None:
    asked = [(name, client.post(path, body)) for name, (path, body) in POSTS.items() if name != "reload_bundle"]
    asked += [(name, client.get(path)) for name, path in GETS.items()]
    for name, reply in asked:
        assert reply.status_code == 200, (name, reply.text)
        check(reply.json(), OPERATIONS[name][2]["responses"]["200"]["content"]["application/json"]["schema"])


def test_request_schemas_are_closed_and_have_no_locations() -> None:
    text = json.dumps(DOCUMENT)
    assert '"format": "uri"' not in text
    for name in (
        "RecommendRequest",
        "BatchRequest",
        "ExplainRequest",
        "ColdStartRequest",
        "InteractionsRequest",
        "PreferencesRequest",
        "Steer",
    ):
        assert DOCUMENT["components"]["schemas"][name]["additionalProperties"] is False, name


def test_every_parameter_and_member_is_described() -> None:
    found = {
        f"{name} {parameter['name']}": parameter.get("description")
        for name, (_, _, operation) in OPERATIONS.items()
        for parameter in operation.get("parameters", ())
    }
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for member, of_member in schema.get("properties", {}).items():
            found[f"{name}.{member}"] = of_member.get("description", "a constant" if "const" in of_member else None)
    assert len(found) > 300
    assert [name for name, description in found.items() if not description] == []


def test_request_that_the_code_refuses_is_not_valid_by_the_schema_either() -> None:
    nobody = {"user_id": None, "history": None}
    bodies: list[tuple[str, Any]] = [("RecommendRequest", nobody), ("ExplainRequest", nobody)]
    bodies += [
        ("ColdStartRequest", {"picks": [pick]})
        for pick in ({}, {"factor": 0}, {"factor": 0, "half": "positive", "value": "x"}, {"attribute": "genre"})
    ]
    bodies.append(("Steer", {"factors": {"x": 1.0}}))
    for name, body in bodies:
        with pytest.raises(jsonschema.ValidationError):
            check(body, {"$ref": f"#/components/schemas/{name}"})
    check({"picks": [{"factor": 0, "half": "positive"}]}, {"$ref": "#/components/schemas/ColdStartRequest"})
    check({"factors": {"0": 1.0}}, {"$ref": "#/components/schemas/Steer"})
