"""From a package to its bill of materials, in one reading."""

from __future__ import annotations

from pathlib import Path

from nngauge.auditing.dossier import dossier_of_package
from nngauge.bom.bill import bill_of
from nngauge.bom.digests import file_digests
from nngauge.bom.inventory import Bill
from nngauge.packages import open_package
from nngauge.pipeline import Scanner


def bill_of_app(path: str | Path, *, supplier: str = "") -> Bill:
    """The bill of the app at `path`; `supplier`: who publishes it, which no package says.

    Raises what `Scanner.scan` raises; whatever goes wrong inside the package is in `Bill.properties`.
    """
    scanner = Scanner()
    rules = {rule.id: rule for rule in scanner.signatures.ruleset.rules}
    package = open_package(path)
    try:
        dossier = dossier_of_package(scanner, package, str(path))
        return bill_of(dossier, rules, supplier=supplier, digests=file_digests(package, dossier))
    finally:
        package.close()
