"""From data to answers where there is no network: `unshare -rnm python -m tests.faults.offline FOLDER`, prints JSON.

In a network namespace of its own there is loopback and nothing else. Whoever tries to leave is refused by the kernel,
which counts it, so that an attempt shows whose failure nobody told of.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.demo import DATA, command
from tests.faults.serving import serving

NOWHERE = "192.0.2.1"
"""An address of RFC 5737, which is nobody's."""

SMALL = (
    *("--users", "400", "--items", "100"),
    *("--model", "mult-vae", "--guide", "none", "--set", "latent=3", "--set", "hidden=32", "--set", "fit.epochs=2"),
    *("--set", "permutations=20", "--set", "bootstraps=20", "--set", "users=30", "--set", "samples=8"),
    *("--force", "made to see whether it can be made"),
)
SYNTHETIC, MADE = SMALL[:4], SMALL[4:]
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _UP = 0x8913, 0x8914, 1


def cut_off(folder: Path) -> bool:
    """Bring loopback up, name a server that nobody is; whether neither addresses nor names can be reached now."""
    with socket.socket() as any_socket:
        asked = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked))
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _UP))
    (folder / "resolv.conf").write_text(f"nameserver {NOWHERE}\noptions timeout:1 attempts:1\n")
    if subprocess.run(["mount", "--bind", str(folder / "resolv.conf"), "/etc/resolv.conf"], check=False).returncode:
        return False
    for reach in (lambda: socket.create_connection((NOWHERE, 443), 5), lambda: socket.getaddrinfo("example.org", 443)):
        with suppress(OSError):
            reach()
            return False
    return True


def attempts() -> int:
    """How often somebody in this namespace was refused a way out, since it was made."""
    heads, values = (line.split() for line in Path("/proc/net/snmp").read_text().splitlines()[:2])
    sixth = dict(line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())
    return int(values[heads.index("OutNoRoutes")]) + int(sixth["Ip6OutNoRoutes"])


def made(folder: Path) -> dict[str, Any]:
    """Data, training, evaluation, decoding, export and store, by the command."""
    data = command("data", "synth", str(DATA), "--name", "demo", *SYNTHETIC, cwd=folder)
    whole = command("standalone", str(DATA), "--out", "models/demo", "--no-serve", "--quiet", *MADE, cwd=folder)
    return {"codes": [data.returncode, whole.returncode], "said": data.stderr + whole.stderr}


def answered(folder: Path) -> dict[str, Any]:
    """A list from the service, over loopback."""
    with serving(folder, ready=False) as service:
        service.wait_ready()
        items = service.http.get("/items", params={"limit": 3}).json()["items"]
        listed = service.post("/recommend", {"history": [item["item_id"] for item in items], "n": 5})
        return {"status": listed.status_code, "items": len(listed.json()["items"])}


def fetched(folder: Path, host: str) -> dict[str, Any]:
    """What the one command that needs the network says."""
    done = command("fetch", f"https://{host}/models/demo", cwd=folder)
    return {"codes": [done.returncode], "said": done.stderr}


def main() -> None:
    folder = Path(sys.argv[1])
    if not cut_off(folder):
        print(json.dumps({"cut_off": False}))
        return
    tried: dict[str, Any] = {"cut_off": True, "control": {"attempts": attempts()}}
    steps = {
        "made": lambda: made(folder),
        "answered": lambda: answered(folder),
        "fetched": lambda: fetched(folder, NOWHERE),
        "fetched by name": lambda: fetched(folder, "models.example.org"),
    }
    for name, step in steps.items():
        before = attempts()
        tried[name] = {**step(), "attempts": attempts() - before}
    print(json.dumps(tried))


if __name__ == "__main__":
    main()
