from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from service.errors import ForbiddenError, UnauthorizedError
from service.http.auth import ACCESS, Keyring, access_rule
from service.http.operation import resource
from service.settings import load_settings
from tests.service.app_client import AppClient, assert_problem, open_client

KEYS = {"read": "read-key-0123456789", "write": "write-key-0123456789", "admin": "admin-key-0123456789"}
SECOND = "read-key-second-0123456789"
ORDER = ("read", "write", "admin")
SETTINGS = load_settings(
    {
        "PRISMREC_READ_KEYS": f"{KEYS['read']},{SECOND}",
        "PRISMREC_WRITE_KEYS": KEYS["write"],
        "PRISMREC_ADMIN_KEYS": KEYS["admin"],
    }
)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppClient]:
    folder: Path = tmp_path_factory.mktemp("guarded")
    with open_client(
        folder, read_keys=SETTINGS.read_keys, write_keys=SETTINGS.write_keys, admin_keys=SETTINGS.admin_keys
    ) as found:
        yield found


def test_keyring_without_keys_lets_everybody_in() -> None:
    assert Keyring(load_settings({})).admit([], "admin") is None


def test_keyring_names_the_key_and_not_its_text() -> None:
    ring = Keyring(SETTINGS)
    assert ring.admit([KEYS["read"].encode()], "read") == "read-1"
    assert ring.admit([SECOND.encode()], "read") == "read-2"
    assert ring.admit([KEYS["admin"].encode()], "write") == "admin-1"


@pytest.mark.parametrize(
    "presented", [[], [b""], [b"wrong"], ["schlüssel".encode()], [b"\xff"], [KEYS["read"].encode()] * 2]
)
def test_keyring_refuses_what_is_not_one_known_key(presented: list[bytes]) -> None:
    with pytest.raises(UnauthorizedError):
        Keyring(SETTINGS).admit(presented, "read")


def test_key_of_a_lower_scope_is_forbidden() -> None:
    with pytest.raises(ForbiddenError, match="scope admin"):
        Keyring(SETTINGS).admit([KEYS["write"].encode()], "admin")


def _operations(client: AppClient) -> list[APIRoute]:
    return [route for route in client.app.router.routes if isinstance(route, APIRoute)]


def test_access_table_covers_every_operation_and_no_other(guarded: AppClient) -> None:
    assert {route.unique_id for route in _operations(guarded)} == set(ACCESS)


def test_operation_without_an_access_rule_cannot_be_wired() -> None:
    async def nobody_decided() -> None: ...

    with pytest.raises(LookupError, match="nobody_decided"):
        resource("x").get("/x")(nobody_decided)
    with pytest.raises(LookupError):
        access_rule("nobody_decided")


def test_every_operation_asks_for_its_scope(guarded: AppClient) -> None:
    for route in _operations(guarded):
        needed = ACCESS[route.unique_id]
        method = min(route.methods)
        path = route.path_format.format(user_id="1", item_id="1", factor="0", code="x")
        if needed is None:
            assert guarded.request(method, path).status_code not in {401, 403}, route.unique_id
            continue
        refused = guarded.request(method, path)
        assert_problem(refused, 401, "unauthorized")
        assert refused.headers["www-authenticate"]
        for scope in ORDER:
            status = guarded.request(method, path, headers={"X-API-Key": KEYS[scope]}).status_code
            if ORDER.index(scope) < ORDER.index(needed):
                assert status == 403, (route.unique_id, scope)
            else:
                assert status not in {401, 403}, (route.unique_id, scope)


def test_request_without_a_key_is_refused_before_its_body_is_looked_at(guarded: AppClient) -> None:
    assert_problem(guarded.raw("/recommend", b"{not json"), 401, "unauthorized")


def test_pages_without_data_need_no_key(guarded: AppClient) -> None:
    for path in ("/", "/docs", "/openapi.json", "/health/live", "/problems"):
        assert guarded.get(path).status_code == 200


def test_log_has_the_key_id_and_never_a_key(guarded: AppClient) -> None:
    guarded.get("/factors", headers={"X-API-Key": KEYS["read"]})
    guarded.get("/factors", headers={"X-API-Key": "presented-and-wrong"})
    text = guarded.log.getvalue().decode()
    assert '"key":"read-1"' in text
    assert "presented-and-wrong" not in text
    assert not any(key in text for key in (*KEYS.values(), SECOND))
