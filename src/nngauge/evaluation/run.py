"""Finds the labelled packages on disk and scans them in worker processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from nngauge.domain.evaluation import Evaluation, LabelSet, PackageScore
from nngauge.errors import UnreadableError
from nngauge.evaluation.scores import score_package, sum_up
from nngauge.runners.plain import scan_each
from nngauge.runners.tasks import Limits, Settings
from nngauge.store.shards import file_digest


def find_packages(labels: LabelSet, folders: Iterable[Path]) -> dict[str, Path]:
    """Digest → file of every labelled package below `folders`, whatever the files are called.

    Files whose name begins with the digest of a labelled package are looked at first; the others are read only while
    packages are missing. Every file is checked: bytes that differ are another package.
    """
    wanted = {package.sha256 for package in labels.package}
    files = sorted(
        {path for folder in folders for path in _files(folder)}, key=lambda path: (path.stem not in wanted, str(path))
    )
    found: dict[str, Path] = {}
    for path in files:
        if len(found) == len(wanted):
            break
        digest = _digest(path)
        if digest in wanted:
            found.setdefault(digest, path)
    return found


def _files(folder: Path) -> Iterator[Path]:
    if not folder.exists():
        raise UnreadableError("no such file or folder", where=str(folder))
    if folder.is_file():
        yield folder
        return
    yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        raise UnreadableError(error.strerror or "cannot be read", where=str(path)) from None


def score_each(labels: LabelSet, files: dict[str, Path], *, workers: int, limits: Limits) -> Iterator[PackageScore]:
    """Scans every package at hand and scores it; scores come as scans finish."""
    by_path = {str(files[package.sha256]): package for package in labels.package if package.sha256 in files}
    for outcome in scan_each(by_path, workers=workers, settings=Settings(limits=limits)):
        yield score_package(by_path[outcome.path], outcome.path, outcome.result, labels.exhaustive)


def evaluations(labels: LabelSet, scores: Sequence[PackageScore]) -> tuple[Evaluation, ...]:
    """The sums over the whole file first, then over each of its groups, if it has more than one."""
    groups = sorted({package.group for package in labels.package})
    whole = sum_up(scores, listed=len(labels.package))
    if len(groups) < 2:
        return (whole,)
    return whole, *(
        sum_up(
            [score for score in scores if score.labels.group == group],
            listed=sum(package.group == group for package in labels.package),
            group=group,
        )
        for group in groups
    )
