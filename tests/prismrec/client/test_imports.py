"""The client where nothing of the server can be imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_house import isolated

SERVER = (
    "torch", "onnx", "onnxruntime", "fastapi", "starlette", "uvicorn", "pydantic", "numpy", "orjson", "structlog",
    "prometheus_client", "polars", "scipy", "typer", "bundle", "service", "training",
)  # fmt: skip
ASKS = """
import asyncio, httpx
from prismrec.client import AsyncClient, Client, NotConnectedError

def answer(request):
    return httpx.Response(200, json={"status": "live", "more": 1})

transport = httpx.MockTransport(answer)
assert Client("http://x", http=httpx.Client(transport=transport)).health_live().status == "live"

async def run():
    async with httpx.AsyncClient(transport=transport) as http:
        assert (await AsyncClient("http://x", http=http).health_live()).status == "live"

asyncio.run(run())
import sys
ours = {name for name in sys.modules if name.startswith("prismrec.") and not name.startswith("prismrec.client")}
assert not ours, ours
"""


def test_client_works_without_anything_of_the_server(tmp_path: Path) -> None:
    done = isolated(ASKS, blocked=SERVER, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("needed", ["httpx", "msgspec"])
def test_client_without_what_it_needs_fails(tmp_path: Path, needed: str) -> None:
    done = isolated(ASKS, blocked=(needed,), cwd=tmp_path)
    assert done.returncode != 0
    assert f"blocked: {needed}" in done.stderr


def test_blocked_names_are_the_servers(tmp_path: Path) -> None:
    done = isolated("import prismrec.inprocess", blocked=SERVER, cwd=tmp_path)
    assert "blocked: " in done.stderr
