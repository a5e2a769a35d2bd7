"""Scans for models only: which entries are worth a look, by what a container's directory says of them.

What is left out is accounted for as such, with its bytes: a model that is dressed up as a picture or a library is found
by a full scan only.
"""

from __future__ import annotations

from typing import Final

from nngauge.extract.kinds import Plan
from nngauge.extract.opaque import model_like_name
from nngauge.io.content import MEDIA, Kind

_MEDIA: Final = (
    ".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".heic", ".avif", ".svg", ".ico", ".ktx", ".ktx2", ".pvr", ".astc",
    ".dds", ".ogg", ".mp3", ".mp4", ".m4a", ".wav", ".flac", ".aac", ".opus", ".mid", ".webm", ".mov", ".avi", ".caf",
    ".ttf", ".otf", ".ttc", ".woff", ".woff2", ".pdf",
)  # fmt: skip
_CODE: Final = (
    ".dex", ".so", ".dylib", ".jar", ".class", ".js", ".mjs", ".css", ".html", ".htm", ".map", ".dll", ".exe", ".kotlin_module",
    ".kotlin_builtins", ".kotlin_metadata", ".hbc", ".bundle", ".jsbundle", ".py", ".pyc", ".lua", ".swiftmodule",
)  # fmt: skip
_RESOURCES: Final = (
    ".arsc", ".nib", ".car", ".strings", ".stringsdict", ".storyboardc", ".plist", ".properties", ".version", ".prof", ".profm",
    ".mf", ".sf", ".rsa", ".dsa", ".ec", ".pem", ".crt", ".mobileprovision", ".md", ".proto", ".glsl", ".frag", ".vert",
    ".metallib", ".lproj", ".mo", ".po", ".wasm", ".res", ".brk", ".nrm", ".cnv", ".spp",
)  # fmt: skip
_ELSEWHERE: Final = _MEDIA + _CODE + _RESOURCES
_FOLDERS: Final = ("res/", "META-INF/", "kotlin/", "okhttp3/", "_CodeSignature/")
"""What is below is named and read by Android, Java or iOS and cannot be a file that an app opens; except ``res/raw``."""
_LEAST: Final = 64
"""Bytes; the smallest model files that formats' own test sets hold are larger."""


def is_wanted(path: str, size: int) -> bool:
    """Whether an entry may be a model, a part of one or an archive of some, by its name and declared size (−1: unknown)."""
    lowered = path.lower()
    if 0 <= size < _LEAST or lowered.endswith(_ELSEWHERE) or lowered == "androidmanifest.xml":
        return False
    return not (lowered.startswith("res/") and not lowered.startswith("res/raw")) and not path.startswith(_FOLDERS[1:])


def is_worth_reading(path: str, kind: Kind, plan: Plan, *, matched: bool, promised: bool) -> bool:
    """Whether the content of an entry may be a model, now that its head is known.

    `matched`: a format's magic or probe says so; `promised`: its name has an ending that only models have.
    """
    if matched or promised:
        return True
    return plan is Plan.DATA and kind not in MEDIA and model_like_name(path)
