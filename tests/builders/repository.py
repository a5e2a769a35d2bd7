"""An F-Droid repository in memory: packages, index of version 2, signed entry. Small, complete, to be tampered with."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from tests.builders.keys import Signer, jar, jar_parts, signer
from tests.builders.packages import apk


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Repository:
    """Files below ``repo/`` of a site; `publish` writes the index over what is there."""

    files: dict[str, bytes]
    who: Signer = field(default_factory=signer)
    timestamp: int = 1_700_000_000_000
    packages: dict[str, Any] = field(default_factory=dict)

    def app(self, package: str, code: int, *, channels: list[str] | None = None, data: bytes | None = None) -> bytes:
        """Adds one version."""
        data = apk({"assets/x": f"{package} {code}".encode()}, package=package) if data is None else data
        name = f"{package}_{code}.apk"
        self.files[f"repo/{name}"] = data
        version = {
            "added": self.timestamp,
            "file": {"name": f"/{name}", "sha256": sha256(data), "size": len(data)},
            "manifest": {"versionName": f"1.{code}", "versionCode": code},
            **({"releaseChannels": channels} if channels else {}),
        }
        app = self.packages.setdefault(package, {"metadata": {"name": {"en-US": package}}, "versions": {}})
        app["versions"][sha256(data)] = version
        return data

    def version(self, package: str, code: int) -> dict[str, Any]:
        """What the index will say of a version."""
        versions = self.packages[package]["versions"].values()
        return next(item for item in versions if item["manifest"]["versionCode"] == code)  # type: ignore[no-any-return]

    def publish(self, index: Any = None, **entry: Any) -> None:
        """Writes and signs; `entry` replaces what the entry says of the index."""
        what = {"repo": {"timestamp": self.timestamp}, "packages": self.packages} if index is None else index
        data = json.dumps(what).encode()
        self.files["repo/index-v2.json"] = data
        told = {"name": "/index-v2.json", "sha256": sha256(data), "size": len(data), "numPackages": 1, **entry}
        self.sign({"timestamp": self.timestamp, "version": 20002, "index": told, "diffs": {}})

    def sign(self, entry: Any) -> None:
        """Signs this entry."""
        data = entry if isinstance(entry, bytes) else json.dumps(entry).encode()
        self.files["repo/entry.json"] = data
        self.files["repo/entry.jar"] = jar(jar_parts({"entry.json": data}, self.who))
