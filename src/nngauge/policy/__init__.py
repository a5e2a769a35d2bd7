"""Policies: what has to hold about the AI in an app, checked against a dossier, with findings that somebody can act on."""

from nngauge.policy.assessment import Assessment, Judged, Skipped, assess, findings
from nngauge.policy.exemptions import Exemption
from nngauge.policy.loading import Policy, load_policy, parse_policy
from nngauge.policy.rules import RULE, RULES

__all__ = [
    "RULE",
    "RULES",
    "Assessment",
    "Exemption",
    "Judged",
    "Policy",
    "Skipped",
    "assess",
    "findings",
    "load_policy",
    "parse_policy",
]
