"""The result of a check as annotations of GitHub Actions.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands ; how values are escaped:
https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts
"""

from __future__ import annotations

from typing import Final

from nngauge.domain.finding import Severity
from nngauge.policy._api import package_name, shown
from nngauge.policy.assessment import Assessment
from nngauge.policy.rules import RULE
from nngauge.words.safe import printable

_COMMAND: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}


def encode_github(result: Assessment) -> bytes:
    """One workflow command a line: findings that count, then what was not evaluated and exemptions that ran out."""
    file = package_name(result.dossier.scan.path)
    lines = []
    for finding in result.counting:
        place = f"{shown(finding.location)}: " if finding.location else ""
        lines.append(
            _command(
                _COMMAND[finding.severity],
                f"{place}{finding.says}" + (f"\n{finding.remedy}" if finding.remedy else ""),
                file=file,
                title=f"{finding.rule}: {RULE[finding.rule].broken}",
            )
        )
    lines += [
        _command("notice", f"not evaluated: {item.reason}", file=file, title=f"{item.rule}: not evaluated")
        for item in result.skipped
    ]
    lines += [
        _command(
            "warning", f"It ended on {one.until}: {one.sentence} ({one.reason})", file=file, title="Exemption ended"
        )
        for one in result.lapsed
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _command(name: str, message: str, **properties: str) -> str:
    told = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {told}::{_data(message)}"


def _data(text: str) -> str:
    """A message: one line, in which no text can start a command of its own."""
    plain = printable(text).encode("utf-8", "replace").decode()
    return plain.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
