"""Gets the binaries of runtimes out of the package registries, without installing or running anything of them."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from benchmarks.evaluation.truth import Library, Runtime

_NATIVE = (b"\x7fELF", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
_SCRIPTS = (".js", ".mjs", ".cjs")
_SECONDS = 900
_PROCESSORS = frozenset({"aarch64", "x86_64"})
_LINUX = tuple(
    f"manylinux{tag}_{{}}"
    for tag in ("1", "2010", "2014", "_2_12", "_2_17", "_2_24", "_2_27", "_2_28", "_2_31", "_2_34", "_2_35")
)
"""Every Linux wheel for a processor, where the evaluation names only that."""


def locate(runtime: Runtime, library: Library, roots: Sequence[Path]) -> Path | None:
    """The file on disk, in the first root that has it; None when none does."""
    for root in roots:
        folder = _folder(runtime, root)
        if folder is None:
            continue
        names = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
        for path in names:
            if fnmatch.fnmatchcase(f"/{path.relative_to(folder).as_posix()}", f"*/{library.file}"):
                return path
    return None


def _folder(runtime: Runtime, root: Path) -> Path | None:
    """The runtime's folder whatever its case: file names of wheels keep the case of an older day."""
    wanted = runtime.folder.lower()
    return next((path for path in sorted(root.glob("*/")) if path.name.lower() == wanted), None)


def fetch(runtime: Runtime, root: Path) -> str | None:
    """Downloads one package and keeps its binaries below `root`; the reason when that failed."""
    if _folder(runtime, root) is not None:
        return None
    target = root / runtime.folder
    downloads = (root / ".downloads" / runtime.folder).resolve()
    downloads.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            _command(runtime, downloads), check=False, cwd=downloads, capture_output=True, text=True, timeout=_SECONDS
        )
        archives = [*downloads.glob("*.whl"), *downloads.glob("*.tgz")]
        if not archives:
            lines = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
            return (lines or ["nothing was downloaded"])[-1]
        for archive in archives:
            _keep(archive, target)
    except subprocess.TimeoutExpired:
        return f"no answer within {_SECONDS} s"
    finally:
        shutil.rmtree(downloads, ignore_errors=True)
    return None


def _command(runtime: Runtime, downloads: Path) -> list[str]:
    if runtime.registry == "npm":
        scope = "@" if "/" in runtime.name else ""
        return ["npm", "pack", "--silent", f"{scope}{runtime.name}@{runtime.version}"]
    tags = _LINUX if runtime.platform in _PROCESSORS else (runtime.platform,)
    platform = [part for tag in tags for part in ("--platform", tag.format(runtime.platform)) if runtime.platform]
    platform += ["--python-version", runtime.python] if platform else []
    return [
        *(sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"),
        *("--only-binary=:all:", "-d", str(downloads), *platform, f"{runtime.name}=={runtime.version}"),
    ]


def _keep(archive: Path, target: Path) -> None:
    members = _zip_members(archive) if archive.suffix == ".whl" else _tar_members(archive)
    for name, stream in members:
        head = stream.read(4)
        path = target / name
        if ".." in Path(name).parts or name.startswith("/"):
            continue
        if name.endswith(".aar"):
            inner = _write(target / (name + ".whole"), head, stream)
            for part, content in _zip_members(inner):
                start = content.read(4)
                if start in _NATIVE and ".." not in Path(part).parts:
                    _write(target / (name + ".d") / part, start, content)
            inner.unlink()
        elif head in _NATIVE or name.endswith(_SCRIPTS):
            _write(path, head, stream)


def _write(path: Path, head: bytes, rest: IO[bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head)
        shutil.copyfileobj(rest, file)
    return path


def _zip_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                with archive.open(info) as stream:
                    yield info.filename, stream


def _tar_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isfile() else None
            if stream is not None:
                yield member.name, stream
