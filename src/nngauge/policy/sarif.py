"""The result of a check as SARIF 2.1.0, for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from nngauge.domain.finding import Finding, Severity
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure
from nngauge.policy._api import Rule, package_name
from nngauge.policy.assessment import Assessment, Judged
from nngauge.version import __version__
from nngauge.words.safe import one_line

VERSION: Final = "2.1.0"
SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT: Final = "%SRCROOT%"
_FINGERPRINT: Final = "nngauge/v1"
_SECURITY: Final = {Severity.ERROR: "8.0", Severity.WARNING: "5.0", Severity.NOTE: "2.0"}
"""GitHub's code scanning sorts security findings by such a number: high, medium, low.

https://docs.github.com/en/code-security/reference/code-scanning/sarif-support-for-code-scanning
"""

Json = dict[str, Any]


def encode_sarif(result: Assessment, ended: datetime | None = None) -> bytes:
    """The result as UTF-8 JSON. `ended`: when the check ended; now, if None."""
    run = _Run(result).run(ended or datetime.now(UTC))
    log = {"$schema": SCHEMA, "version": VERSION, "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=True).encode() + b"\n"


class _Run:
    """One run; collects the artifacts that results point to."""

    def __init__(self, result: Assessment) -> None:
        self._result = result
        self._rules = [rule for rule, _ in result.policy.rules]
        self._package = Path(result.dossier.scan.path)
        self._artifacts: list[Json] = []
        self._index: dict[tuple[str, ...], int] = {}

    def run(self, ended: datetime) -> Json:
        self._artifact(())  # the package is the first, whatever points to it
        results = [self._entry(item) for item in self._result.findings]
        notes = [self._skipped(item.rule, item.reason) for item in self._result.skipped]
        unread = [self._failure(item) for item in self._result.dossier.scan.failures]
        app = self._result.dossier.scan.app
        return {
            "tool": {"driver": self._driver()},
            "invocations": [
                {
                    "executionSuccessful": not unread,
                    "endTimeUtc": ended.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                    "toolExecutionNotifications": [*unread, *notes],
                    "toolConfigurationNotifications": self._configuration(),
                }
            ],
            "automationDetails": {"id": f"nngauge/{_uri(app.package_id or self._package.name)}/"},
            "originalUriBaseIds": {_ROOT: {"description": {"text": "The folder from which the package was named."}}},
            "artifacts": self._artifacts,
            "results": results,
            "columnKind": "unicodeCodePoints",
            "properties": {
                "policy": self._result.policy.source,
                "packageId": one_line(app.package_id or ""),
                "versionName": one_line(app.version_name or ""),
                "complete": self._result.dossier.scan.complete,
            },
        }

    # --- the tool -----------------------------------------------------------------------------------------------------

    def _driver(self) -> Json:
        return {
            "name": "nngauge",
            "semanticVersion": _semantic(__version__),
            "version": __version__,
            "shortDescription": {"text": "Tells what AI is inside a mobile app, with evidence for every claim."},
            "rules": [
                self._rule(rule, options.severity or rule.severity) for rule, options in self._result.policy.rules
            ],
        }

    def _rule(self, rule: Rule, severity: Severity) -> Json:
        properties: Json = {"tags": ["nngauge", *rule.tags]}
        if "security" in rule.tags:
            properties["security-severity"] = _SECURITY[severity]
        return {
            "id": rule.id,
            "name": "".join(word.capitalize() for word in rule.id.split("-")),
            "shortDescription": {"text": f"{rule.title}."},
            "fullDescription": {"text": rule.why},
            "help": {"text": _plain(rule.help), "markdown": rule.help},
            "helpUri": rule.sources[0],
            "defaultConfiguration": {"level": str(severity)},
            "properties": properties,
        }

    # --- results ------------------------------------------------------------------------------------------------------

    def _entry(self, item: Judged) -> Json:
        finding = item.finding
        entry: Json = {
            "ruleId": finding.rule,
            "ruleIndex": self._number(finding.rule),
            "kind": "fail",
            "level": str(finding.severity),
            "message": {"text": _message(finding)},
            "locations": [self._location(finding.location)],
            "partialFingerprints": {_FINGERPRINT: item.fingerprint},
            "properties": _facts(finding),
        }
        if self._result.compared:
            entry["baselineState"] = "unchanged" if item.known else "new"
        if item.exemption is not None:
            entry["suppressions"] = [
                {"kind": "external", "status": "accepted", "justification": one_line(item.exemption.reason)}
            ]
        return entry

    def _location(self, location: Location | None) -> Json:
        steps = self._steps(location)
        artifact: Json = {"uri": self._uris(steps)[-1], "index": self._artifact(steps)}
        if not steps:
            artifact["uriBaseId"] = _ROOT
        # GitHub asks for a line, whatever the file is; the bytes are what is meant.
        region: Json = {"startLine": 1}
        if location is not None and location.offset is not None:
            region["byteOffset"] = location.offset
            if location.size is not None:
                region["byteLength"] = location.size
        name = steps[-1] if steps else self._result.dossier.scan.app.package_id or self._package.name
        logical = {"fullyQualifiedName": one_line("!".join((self._package.name, *steps))), "name": one_line(name)}
        return {
            "physicalLocation": {"artifactLocation": artifact, "region": region},
            "logicalLocations": [logical | {"kind": "resource"}],
        }

    def _steps(self, location: Location | None) -> tuple[str, ...]:
        """The path through nested containers, the package itself left out."""
        return tuple(step for step in location.path.split("!")[1:] if step) if location else ()

    def _uris(self, steps: tuple[str, ...]) -> list[str]:
        return [_uri(package_name(str(self._package))), *(_uri(step) for step in steps)]

    def _artifact(self, steps: tuple[str, ...]) -> int:
        """The number of an artifact; its containers are artifacts before it (§3.24.2, §3.24.3)."""
        if steps not in self._index:
            parent = self._artifact(steps[:-1]) if steps else None
            location: Json = {"uri": self._uris(steps)[-1]}
            if parent is None:
                location["uriBaseId"] = _ROOT
            entry: Json = {"location": location}
            if parent is not None:
                entry["parentIndex"] = parent
            else:
                entry |= self._package_facts()
            self._index[steps] = len(self._artifacts)
            self._artifacts.append(entry)
        return self._index[steps]

    def _package_facts(self) -> Json:
        app = self._result.dossier.scan.app
        facts: Json = {"roles": ["analysisTarget"]}
        if app.size:
            facts["length"] = app.size
        if app.sha256:
            facts["hashes"] = {"sha-256": app.sha256}
        return facts

    # --- what was not checked -------------------------------------------------------------------------------------------

    def _number(self, rule: str) -> int:
        return next(number for number, one in enumerate(self._rules) if one.id == rule)

    def _skipped(self, rule: str, reason: str) -> Json:
        return {
            "level": "note",
            "message": {"text": one_line(f"{rule} was not evaluated: {reason}.")},
            "associatedRule": {"id": rule, "index": self._number(rule)},
            "descriptor": {"id": "not-evaluated"},
        }

    def _failure(self, failure: Failure) -> Json:
        return {
            "level": "error",
            "message": {"text": one_line(f"{failure.error}: {failure.reason}")},
            "locations": [self._location(failure.location)],
            "descriptor": {"id": "not-read"},
        }

    def _configuration(self) -> list[Json]:
        lapsed = [
            ("exemption-lapsed", "warning", f"An exemption ended on {one.until}: {one.sentence} ({one.reason})")
            for one in self._result.lapsed
        ]
        idle = [
            ("exemption-idle", "note", f"An exemption covers nothing: {one.sentence} ({one.reason})")
            for one in self._result.idle
        ]
        return [
            {"level": level, "message": {"text": one_line(text)}, "descriptor": {"id": name}}
            for name, level, text in (*lapsed, *idle)
        ]


def _message(finding: Finding) -> str:
    return one_line(f"{finding.says} {finding.remedy}".strip())


def _facts(finding: Finding) -> Mapping[str, Any]:
    facts: Json = {
        "remedy": one_line(finding.remedy),
        "subject": one_line(finding.subject),
        "risk": one_line(finding.risk),
    }
    facts = {name: value for name, value in facts.items() if value}
    return facts | ({"gainBytes": finding.gain_bytes} if finding.gain_bytes is not None else {})


def _uri(path: str) -> str:
    """A relative reference: no name can make another scheme, host or folder of it."""
    safe = path.encode("utf-8", "replace").decode().replace("\\", "/").lstrip("/")
    parts = ["%2E%2E" if part == ".." else quote(part, safe="") for part in safe.split("/")]
    return "/".join(parts) or "%20"


def _semantic(version: str) -> str:
    """``0.3.0.dev1`` → ``0.3.0-dev1``; SARIF asks for the form of semver.org."""
    numbers, rest = version.split("."), list[str]()
    while numbers and not numbers[-1].isdigit():
        rest.insert(0, numbers.pop())
    plain = ".".join([*numbers, "0", "0", "0"][:3])
    return f"{plain}-{'.'.join(rest)}".replace("+", ".") if rest else plain


def _plain(markdown: str) -> str:
    return markdown.replace("**", "").replace("`", "").replace("<", "").replace(">", "")
