"""The result of a check as JUnit XML: one test for each rule, so that CI servers show what was kept, too.

The format has no standard; this is the part that Jenkins, GitLab and others agree on:
https://github.com/jenkinsci/xunit-plugin/blob/master/src/main/resources/org/jenkinsci/plugins/xunit/types/model/xsd/junit-10.xsd
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from typing import Final

from nngauge.domain.finding import Severity
from nngauge.policy._api import Rule, shown
from nngauge.policy.assessment import RANK, Assessment, Judged
from nngauge.words.safe import printable

_SUITE: Final = "nngauge"


def encode_junit(result: Assessment, threshold: Severity = Severity.ERROR, ended: datetime | None = None) -> bytes:
    """The result as UTF-8 XML. Findings below `threshold` are printed with the test, and do not fail it."""
    app = result.dossier.scan.app
    cases = [_case(result, rule, threshold, app.package_id or "app") for rule, _ in result.policy.rules]
    failed = sum(case.find("failure") is not None for case in cases)
    skipped = sum(case.find("skipped") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0", "time": "0"}
    suites = ET.Element("testsuites", {"name": _SUITE, **counts})
    moment = (ended or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    name = _xml(f"{_SUITE}: {app.package_id or result.dossier.scan.path}")
    suite = ET.SubElement(suites, "testsuite", {"name": name, **counts, "skipped": str(skipped), "timestamp": moment})
    properties = ET.SubElement(suite, "properties")
    facts = {"policy": result.policy.source, "path": result.dossier.scan.path, "version": app.version_name or ""}
    for key, value in facts.items():
        ET.SubElement(properties, "property", {"name": key, "value": _xml(value)})
    suite.extend(cases)
    lines = [f"exemption ended on {one.until}: {one.sentence} ({one.reason})" for one in result.lapsed]
    lines += [f"exemption covers nothing: {one.sentence} ({one.reason})" for one in result.idle]
    if lines:
        ET.SubElement(suite, "system-out").text = _xml("\n".join(lines))
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _case(result: Assessment, rule: Rule, threshold: Severity, package: str) -> ET.Element:
    case = ET.Element(
        "testcase", {"classname": _xml(f"{_SUITE}.{package}"), "name": f"{rule.id}: {rule.title}", "time": "0"}
    )
    mine = [item for item in result.findings if item.finding.rule == rule.id]
    broken = [item for item in mine if item.counts and RANK[item.finding.severity] >= RANK[threshold]]
    reasons = [item.reason for item in result.skipped if item.rule == rule.id]
    if broken:
        more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        head = {"message": _xml(broken[0].finding.says + more), "type": str(broken[0].finding.severity)}
        ET.SubElement(case, "failure", head).text = _xml("\n".join(_lines(item) for item in broken))
    elif reasons and not mine:
        ET.SubElement(case, "skipped", {"message": _xml(f"not evaluated: {'; '.join(reasons)}")})
    rest = [_lines(item) for item in mine if item not in broken]
    rest += [f"not evaluated: {reason}" for reason in reasons if mine]
    if rest:
        ET.SubElement(case, "system-out").text = _xml("\n".join(rest))
    return case


def _lines(item: Judged) -> str:
    finding = item.finding
    state = f"exempt: {item.exemption.reason}" if item.exemption else "known" if item.known else ""
    place = f"{shown(finding.location)}: " if finding.location else ""
    head = f"{finding.severity}{f' ({state})' if state else ''}: {place}{finding.says}"
    return f"{head}\n  {finding.remedy}" if finding.remedy else head


def _xml(text: str) -> str:
    """`text` without what XML 1.0 cannot hold (https://www.w3.org/TR/xml/#charsets) and what terminals act on."""
    return "".join(
        char for char in printable(text) if not 0xD800 <= ord(char) <= 0xDFFF and ord(char) & 0xFFFE != 0xFFFE
    )  # fmt: skip
