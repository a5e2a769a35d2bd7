"""The apps of the benchmark: real ones from npm packages, and large ones put together from real native libraries.

Nothing is redistributed: everything comes from the package registries on first use and stays in the work folder.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

NPM = ("appium-uiautomator2-server@10.6.6", "io.appium.settings@8.0.10")
"""Apache-2.0 packages that contain real APKs without AI."""
WHEELS = ("onnxruntime==1.31.1", "ncnn==1.0.20261020", "MNN==3.6.1", "ai-edge-litert==2.3.0")
LARGE_WHEELS = ("opencv-python-headless==5.0.0.93", "openvino==2026.4.1")


def real_apps(work: Path) -> list[Path]:
    """APKs as their authors built them."""
    folder = work / "real"
    if not list(folder.glob("*.apk")):
        folder.mkdir(parents=True, exist_ok=True)
        for name in NPM:
            subprocess.run(["npm", "pack", "--silent", name], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for archive in folder.glob("*.tgz"):
            with tarfile.open(archive) as tar:
                for member in tar:
                    if member.isfile() and member.name.endswith(".apk"):
                        with tar.extractfile(member) as source, (folder / Path(member.name).name).open("wb") as target:  # type: ignore[union-attr]
                            shutil.copyfileobj(source, target)
            archive.unlink()
    return sorted(folder.glob("*.apk"))


def libraries(work: Path, wheels: tuple[str, ...]) -> list[Path]:
    """Native libraries out of wheels, largest first."""
    folder = work / "libraries"
    for wheel in wheels:
        place = folder / wheel.partition("=")[0]
        if not place.exists():
            downloads = work / "wheels"
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "pip",
                    "download",
                    "-q",
                    "--no-deps",
                    "--only-binary=:all:",
                    "-d",
                    downloads,
                    wheel,
                ],
                check=True,
            )
            place.mkdir(parents=True)
            for file in downloads.glob("*.whl"):
                with zipfile.ZipFile(file) as archive:
                    for name in archive.namelist():
                        if ".so" in Path(name).name:
                            (place / Path(name).name).write_bytes(archive.read(name))
                file.unlink()
    found = [path for wheel in wheels for path in (folder / wheel.partition("=")[0]).iterdir()]
    return sorted(found, key=lambda path: (-path.stat().st_size, path.name))


def large_app(
    work: Path, name: str, size: int, wheels: tuple[str, ...], models: Path, *, stored_libraries: bool = False
) -> Path:
    """A real app with real libraries and models (stored) added until it has `size` bytes.

    Libraries are deflated, or stored with `stored_libraries`: what the Android build tools do by default since
    version 3.6 (``extractNativeLibs="false"``), so that the system maps them out of the APK.
    """
    target = work / "made" / f"{name}{'-stored' if stored_libraries else ''}.apk"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    base = max(real_apps(work), key=lambda path: path.stat().st_size)
    noise = random.Random(1)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as made, zipfile.ZipFile(base) as source:
        for info in source.infolist():
            made.writestr(info.filename, source.read(info), compress_type=info.compress_type)
        for number in range(2500):
            picture = b"\x89PNG\r\n\x1a\n" + noise.randbytes(1500)
            made.writestr(f"res/drawable/i{number}.png", picture, compress_type=zipfile.ZIP_STORED)
        for model in sorted(path for path in models.rglob("*.tflite") if path.is_file()):
            made.write(model, f"assets/{model.name}", compress_type=zipfile.ZIP_STORED)
        for number, library in enumerate(libraries(work, wheels)):
            expected = library.stat().st_size // (1 if stored_libraries else 3)
            if made.fp is not None and made.fp.tell() + expected > size:
                continue
            method = zipfile.ZIP_STORED if stored_libraries else zipfile.ZIP_DEFLATED
            made.write(library, f"lib/arm64-v8a/lib{number}_{library.name}", compress_type=method)
    return target
