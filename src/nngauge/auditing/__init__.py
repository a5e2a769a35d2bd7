"""Audits one app: how well its models are protected, and whether they could be swapped."""

from nngauge.auditing.audit import audit_app, audit_package

__all__ = ["audit_app", "audit_package"]
