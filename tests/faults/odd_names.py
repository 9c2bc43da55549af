"""Names for parameters of paths that mean something to a file system, a shell or a parser, and requests with them."""

from __future__ import annotations

import http.client

from tests.faults.serving import LONG, Service

UP = (
    "..",
    "%2e%2e",
    "%2E%2E",
    "%2e.",
    "..%2f..%2fetc%2fpasswd",
    "..%5c..",
    "%252e%252e%252f",
    "....//",
    "%c0%ae%c0%ae",
)
ODD = (
    *UP,
    *("%00", "x%00", "%0a", "%0d%0a", "%7f", "%ff%fe", "%ed%a0%80", "x%2f..%2fy", "%2fetc%2fpasswd", "C:%5c", "file:"),
    *("~", "~root", "$HOME", "%24%7bx%7d", "con", "nul", "x.", ".x", "-x", "%20", "*", "%3f", "%23", "'", "%22", ";"),
    *("x" * 65, "x" * 300, "x" * 8000, "%e2%80%ae", "null", "undefined", "-1", "NaN", "0x10"),
)


def paths_of(service: Service) -> list[str]:
    """Every path with a parameter, as templates, from the document that the process serves."""
    return [path for path in service.http.get("/openapi.json").json()["paths"] if "{" in path]


def get(service: Service, path: str) -> int:
    """As it stands: other clients tidy up `..` before they send it."""
    line = http.client.HTTPConnection("127.0.0.1", service.port, timeout=LONG)
    try:
        line.request("GET", path)
        return line.getresponse().status
    finally:
        line.close()
