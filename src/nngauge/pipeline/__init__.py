"""Scanning one app: package → detect → extract → parse → analyse, entry by entry. The wiring and nothing else."""

from nngauge.pipeline.scanner import Scanner

__all__ = ["Scanner"]
