"""What all apps of a process share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from nngauge.analyse.app_facts import index_rules
from nngauge.detect.compiled import load_signatures
from nngauge.detect.signatures import Signatures
from nngauge.domain.scan import Depth, Provenance, Scan
from nngauge.extract.candidates import FormatIndex, index_formats
from nngauge.extract.load import Arena
from nngauge.formats import Format, deferred_formats
from nngauge.packages import PACKAGES, Package, open_package
from nngauge.pipeline.app import AppScan
from nngauge.pipeline.contents import Sink
from nngauge.version import __version__


class Scanner:
    """Holds what all apps share: the compiled rules, the formats and working memory. Make one per process.

    `formats` replaces the built-in formats, for plug-ins and tests. `depth` says how closely apps are looked at.
    """

    def __init__(self, formats: Sequence[Format] | None = None, *, depth: Depth = Depth.DEFAULT) -> None:
        self.depth = depth
        formats = deferred_formats() if formats is None else formats
        self.index: FormatIndex = index_formats(formats)
        self.signatures: Signatures = load_signatures(tuple(magic.literal for magic in self.index.carve))
        self.known = index_rules(self.signatures.ruleset.rules)
        self.arena = Arena()
        self.elsewhere = frozenset(rule.id for rule in self.signatures.ruleset.rules if rule.elsewhere)
        self.provenance = Provenance(
            tool=f"nngauge {__version__}",
            rules=self.signatures.ruleset.digest,
            plugins=_plugins_digest(formats),
            configuration=depth,
        )

    def scan(self, path: str | Path, sink: Sink | None = None) -> Scan:
        """Scans one app: a package file, or a folder with the parts of one.

        Raises `UnreadableError` when the path cannot be opened and `NotThisFormat` or `MalformedError` when it is no
        package at all; everything that goes wrong inside is part of the result.
        """
        package = open_package(path)
        try:
            return self.scan_package(package, str(path), sink)
        finally:
            package.close()

    def scan_package(self, package: Package, path: str, sink: Sink | None = None) -> Scan:
        """Scans an app that is open already; `path` is what the result calls it."""
        return AppScan(self, package, sink).run(path)


def _plugins_digest(formats: Sequence[Format]) -> str:
    names = [f"{form.name}@{form.version}" for form in formats] + [f"{kind.name}@{kind.version}" for kind in PACKAGES]
    return hashlib.blake2b("\n".join(sorted(names)).encode(), digest_size=8).hexdigest()
