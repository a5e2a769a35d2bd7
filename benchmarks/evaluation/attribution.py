"""How well models and libraries are attributed, and published models recognised: tables for docs/evaluation.md."""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from benchmarks.evaluation.reworked import CHANGES, reworked
from benchmarks.evaluation.tables import share, table
from nngauge.analyse.attribution.owners import attribute, context_of
from nngauge.analyse.attribution.published import known_model, similar_entries
from nngauge.analyse.summary import summarise
from nngauge.api import open_model
from nngauge.domain.app import App, Platform
from nngauge.domain.attribution import Attribution, KnownModel, Likeness, Owner
from nngauge.domain.graph import Completeness
from nngauge.domain.location import Location
from nngauge.domain.model import Model, ModelFile
from nngauge.errors import NngaugeError
from nngauge.knowledge.published import Published, published_models
from nngauge.pipeline import Scanner

LABELS: Final = Path(__file__).with_suffix(".toml")
_MOST_BYTES: Final = 6 << 20
_CRAWL: Final = "code/models_analysis/model_files_info/"


class Copies(Struct):
    """What became of the copies made by one change."""

    change: str
    found: Counter[str]
    """By likeness; ``other`` where a model of other layers was named instead, ``unknown`` where none was."""


def copies(models: Path) -> list[Copies]:
    """Published models that are at hand, changed in memory, and what they are recognised as."""
    results = {name: Copies(name, Counter()) for name in ("renamed, names and metadata stripped", *CHANGES)}
    index = published_models()
    for path in sorted(models.rglob("*")):
        if not path.is_file() or path.stat().st_size > _MOST_BYTES:
            continue
        try:
            with open_model(path) as extracted:
                model = summarise(extracted)
                entry = index.by_digest(model.digest)
                if entry is None or len(entry.sketches) < 2 or extracted.pieces[0].location.name != path.name:
                    continue
                parts = [piece.source for piece in extracted.pieces]
                bare = _bare(model)
                found = known_model(bare, extracted.graph, parts, index)
                results["renamed, names and metadata stripped"].found[_verdict(found, entry)] += 1
                for name, (change, part) in CHANGES.items():
                    graph, sources = reworked(extracted.graph, parts, change, part)
                    results[name].found[_verdict(known_model(bare, graph, sources, index), entry)] += 1
        except NngaugeError:
            continue
    return list(results.values())


def _bare(model: Model) -> Model:
    parts = tuple(replace(part, sha256="", location=Location(path="a.apk!assets/x")) for part in model.parts)
    return replace(model, digest="", parts=parts, name="x", metadata={})


def _verdict(found: KnownModel | None, entry: Published) -> str:
    if found is None:
        return "unknown"
    named = next(other for other in published_models().entries if other.id == found.id)
    weights = found.likeness in {Likeness.WEIGHTS, Likeness.DERIVED}
    related = not weights or named.layers == entry.layers or set(named.sketches) & set(entry.sketches)
    return found.likeness.value if related else "other"


def pairs() -> tuple[int, int, list[tuple[str, str, float]]]:
    """`(pairs compared, pairs of equal layers that share weights, pairs of other layers that do)` within the index."""
    entries = [entry for entry in published_models().entries if entry.sketches]
    same, other = 0, []
    for entry in entries:
        for match, ours, theirs in similar_entries(entry):
            if match.id <= entry.id:
                continue
            if match.layers == entry.layers:
                same += 1
            else:
                other.append((entry.id, match.id, min(ours, theirs)))
    return len(entries) * (len(entries) - 1) // 2, same, sorted(other, key=lambda row: -row[2])


# --- owners -----------------------------------------------------------------------------------------------------------


class Owned(Struct):
    """One file, whose it is, and whose we say it is."""

    path: str
    wanted: str
    got: Attribution

    @property
    def right(self) -> bool:
        """The component itself, not just that there is one; ``?`` for any component or unknown."""
        if self.wanted in {"app", "system"}:
            return self.got.owner.value == self.wanted
        if self.wanted == "?":
            return self.got.owner is Owner.UNKNOWN
        return self.got.sdk == self.wanted


def labels() -> Mapping[str, Mapping[str, str]]:
    """The hand-made labels."""
    found: dict[str, dict[str, str]] = tomllib.loads(LABELS.read_text(encoding="utf-8"))
    return found


def _label(path: str, globs: Mapping[str, str]) -> str | None:
    return next((owner for glob, owner in globs.items() if fnmatch.fnmatchcase(path, glob)), None)


def packages(folders: Sequence[Path]) -> tuple[list[Owned], list[Owned], list[str]]:
    """Models, libraries, and names of libraries without a label, of all packages below `folders`."""
    scanner, known = Scanner(), labels()
    models: list[Owned] = []
    libraries: list[Owned] = []
    unlabelled: list[str] = []
    paths = (path for folder in folders for path in sorted(folder.rglob("*")))
    for path in paths:
        if path.suffix.lower() not in {".apk", ".ipa", ".aar", ".xapk"} or not path.is_file():
            continue
        try:
            scan = scanner.scan(path)
        except NngaugeError:
            continue
        around = context_of(scan.app, scan.detections, scan.libraries, scan.models)
        for model in scan.models:
            inner = model.parts[0].location.path.split("!", 1)[1]
            models.append(Owned(inner, _label(inner, known["models"]) or "", attribute(model, around)))
        for library in scan.libraries:
            label = _label(library.location.name, known["libraries"])
            if label is None:
                unlabelled.append(library.location.name)
            else:
                libraries.append(Owned(library.location.name, label, attribute(library, around)))
    return models, libraries, sorted(set(unlabelled))


def crawl(clone: Path) -> list[Owned]:
    """The valid TFLite files of the 2021 crawl, by their paths alone: no app is at hand."""
    known = labels()["crawl"]
    app = App(platform=Platform.ANDROID, container="apk")
    around = context_of(app, ())
    found = []
    for path in _crawled(clone):
        place = ModelFile(location=Location(path=f"a.apk!{path}"), sha256="", size=0)
        model = Model(
            format="tflite", title="", name="", digest="", size=0, parts=(place,), completeness=Completeness.STRUCTURE
        )
        found.append(Owned(path, _label(path, known) or "", attribute(model, around)))
    return found


def _crawled(clone: Path) -> Iterator[str]:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(clone), *arguments], check=True, capture_output=True, text=True).stdout

    for name in git("ls-tree", "-r", "--name-only", "HEAD", _CRAWL).splitlines():
        if not name.endswith(".json"):
            continue
        for path, facts in json.loads(git("show", f"HEAD:{name}")).items():
            parts = path.split("/")
            at = next((place for place, part in enumerate(parts) if part in {"assets", "res", "lib"}), None)
            if facts.get("interpreter") != "error" and at is not None:
                yield "/".join(parts[at:])


# --- tables -----------------------------------------------------------------------------------------------------------


def copies_table(results: Sequence[Copies]) -> str:
    """What changed copies are recognised as."""
    columns = ("same weights", "derived", "same architecture", "same trunk", "unknown", "other")
    rows = [(row.change, row.found.total(), *(row.found[name] or "–" for name in columns)) for row in results]
    return table(("change", "models", *columns[:-1], "a wrong one"), rows)


def owners_table(groups: Mapping[str, Sequence[Owned]]) -> str:
    """Attribution by group of files."""
    rows = []
    for name, items in groups.items():
        said = [item for item in items if item.got.owner is not Owner.UNKNOWN]
        parts = [item for item in said if item.got.owner in {Owner.SDK, Owner.SYSTEM}]
        wanted = [item for item in items if item.wanted != "app"]
        rows.append((
            name, len(items), share(len(said), len(items)), share(sum(item.right for item in said), len(said)),
            share(sum(item.right for item in parts), len(parts)), share(sum(item.right and item.wanted != "?" for item in wanted), len(wanted)),
        ))  # fmt: skip
    head = (
        "files",
        "number",
        "attributed",
        "right of those",
        "right of those given to a component",
        "of components found",
    )
    return table(head, rows)


def wrong_table(groups: Mapping[str, Sequence[Owned]]) -> str:
    """Every file that was given to the wrong owner or to none."""
    kinds: dict[tuple[str, str, str, str], int] = defaultdict(int)
    for name, items in groups.items():
        for item in items:
            if not item.right:
                said = item.got.sdk or item.got.owner.value
                kinds[name, item.path, item.wanted, f"{said} ({item.got.confidence})"] += 1
    return table(("files", "path", "is", "we say", "times"), [(*key, count) for key, count in sorted(kinds.items())])


def page(models: Path | None, folders: Sequence[Path], clone: Path | None) -> str:
    """The section of docs/evaluation.md, of the material that is at hand."""
    text = ["## Whose is it, and what was it made from"]
    groups: dict[str, Sequence[Owned]] = {}
    if folders:
        groups["models in packages"], groups["libraries in packages"], _ = packages(folders)
    if clone is not None:
        groups["TFLite files of a 2021 crawl, by path alone"] = crawl(clone)
    if groups:
        text += [
            (
                "Labels were made by hand, by the people who wrote the knowledge base, who knew these files: the figures "
                "tell what the knowledge covers, not how it does on components that nobody has written down. ``?``: shared "
                "by apps of several publishers, so of a component, but of which could not be found out."
            ),
            owners_table(groups),
        ]
        wrong = wrong_table(groups)
        text += ["Wrong, or left open:", wrong] if wrong.count("\n") > 1 else []
    index = published_models().entries
    compared, same, other = pairs()
    text.append(
        f"The index of published models has {len(index)} entries, {sum(bool(item.sketches) for item in index)} with fingerprints "
        f"of weights. Of {compared:,} pairs of these, {same} share at least a fifth of their weights and have the same layers; "
        f"{len(other)} share weights and have other layers:"
    )
    text.append(table(("model", "and", "share of weights"), [(a, b, f"{part:.0%}") for a, b, part in other]))
    if models is not None:
        text += [
            "Published models, changed in memory, without digests, names and metadata:",
            copies_table(copies(models)),
        ]
    return "\n\n".join(text)


def main() -> None:
    """Prints the tables whose material is at hand."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluation.attribution", description=__doc__)
    parser.add_argument("--models", type=Path, help="folder with model files")
    parser.add_argument("--packages", type=Path, action="append", default=[], help="folder with packages")
    parser.add_argument("--crawl", type=Path, help="clone of github.com/xumengwei/MobileDL")
    options = parser.parse_args()
    print(page(options.models, options.packages, options.crawl))


if __name__ == "__main__":
    main()
