"""OBB: the expansion file of an older large app. Usually a zip, but any content is allowed.

https://developer.android.com/google/play/expansion-files#Naming
"""

from __future__ import annotations

import re
from typing import Final

from nngauge.domain.app import App, Platform
from nngauge.domain.location import Location
from nngauge.packages._api import Container, Package, PackageFormat, PackagePart
from nngauge.packages._assembly import assemble

_NAME: Final = re.compile(r"(?:main|patch)\.(\d{1,10})\.([A-Za-z]\w*(?:\.\w+)+)\.obb")


def claims(container: Container, name: str) -> bool:
    """Content says nothing here, so the name that Play prescribes decides; archives and blobs both occur."""
    return container.kind in ("zip", "file") and (
        _NAME.fullmatch(name) is not None or (container.kind == "zip" and name.lower().endswith(".obb"))
    )


def open_obb(container: Container, location: Location) -> Package:
    """One part. Package id and version code are those in the file name."""
    found = _NAME.fullmatch(location.name)
    code, package_id = found.groups() if found else (None, None)
    app = App(platform=Platform.ANDROID, container="obb", package_id=package_id, version_code=code)
    part = PackagePart(role="obb", location=location, container=container)
    return assemble(app, container, location, [part])


PACKAGE = PackageFormat(
    name="obb",
    version=1,
    title="Expansion file (OBB)",
    suffixes=(".obb",),
    claims=claims,
    open=open_obb,
    references=("https://developer.android.com/google/play/expansion-files",),
    limitations=("FAT images made by jobb are searched as one blob.",),
)
