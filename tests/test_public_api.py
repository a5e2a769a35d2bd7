from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nngauge
from nngauge.errors import UnsupportedError

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "examples" / "models"


def test_the_public_names_are_few_sorted_and_there() -> None:
    assert nngauge.__all__ == sorted(nngauge.__all__)
    assert len(nngauge.__all__) <= 40
    assert all(getattr(nngauge, name) is not None for name in nngauge.__all__)
    assert set(nngauge.__all__) <= set(dir(nngauge))
    with pytest.raises(AttributeError, match="nothing"):
        nngauge.nothing  # noqa: B018


def test_type_checkers_and_the_runtime_see_the_same_names() -> None:
    tree = ast.parse((ROOT / "src" / "nngauge" / "__init__.py").read_text())
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in checked.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported | {"__version__"} == set(nngauge.__all__)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['nngauge', '--help']\n"
        "import nngauge.cli\n"
        "try: nngauge.cli.main()\nexcept SystemExit: pass\n"
        "heavy = {'numpy', 'rich', 'hyperscan', 'msgspec', 'pebble', 'sqlite3', 'nngauge.formats'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_formats_only_share_private_modules() -> None:
    """Formats do not know each other: what two of them need lies in `formats/_parts`."""
    folder = ROOT / "src" / "nngauge" / "formats"
    public = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    for path in folder.rglob("*.py"):
        if path.stem == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) and node.module else ""
            assert module.removeprefix("nngauge.formats.") not in public, (path.name, module)


def test_every_format_and_package_is_registered_and_documented() -> None:
    from nngauge.formats import FORMATS
    from nngauge.packages import PACKAGES

    folder = ROOT / "src" / "nngauge" / "formats"
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert {form.name for form in FORMATS} == modules
    assert all(form.references for form in FORMATS)
    assert len({kind.name for kind in PACKAGES}) == len(PACKAGES)


@pytest.mark.parametrize(
    "path", sorted(MODELS.glob("*/*.onnx")) + sorted(MODELS.glob("*/*.tflite")), ids=lambda p: p.name
)
def test_a_model_file_can_be_read_alone(path: Path) -> None:
    model = nngauge.read_model(path)
    assert model.name == path.name
    assert model.inputs
    assert model.outputs
    assert model.parameters


def test_a_folder_shaped_model_and_a_companion_lead_to_the_whole() -> None:
    (package,) = MODELS.rglob("*.mlpackage")
    assert nngauge.read_model(package).format == "coreml_mlpackage"
    assert nngauge.read_model(package).name == package.name
    weights = next(path for path in MODELS.glob("shapes_ncnn/*.bin") if not path.name.endswith(".param.bin"))
    model = nngauge.read_model(weights)
    assert model.format == "ncnn"
    assert weights.name in {part.location.name for part in model.parts}


def test_what_is_no_model_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(UnsupportedError, match=r"formats\.md"):
        nngauge.read_model(tmp_path / "a.txt")
    with pytest.raises(UnsupportedError):
        nngauge.read_model(tmp_path)


def test_scan_and_scan_many_from_python(tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from examples.build_apps import build_all

    apps = build_all(tmp_path)
    one = nngauge.scan(tmp_path / "photo-studio.apk")
    assert one.verdict.model_present
    assert {found.technology for found in one.detections} >= {"tflite", "ncnn"}
    results = dict(nngauge.scan_many(apps, workers=2))
    assert len(results) == len(apps)
    assert all(isinstance(result, nngauge.Scan) for result in results.values())
    assert sorted(map(str, nngauge.discover(tmp_path))) == sorted(map(str, apps))
