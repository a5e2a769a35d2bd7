"""Engines that run models, each in a process of its own, and the official benchmark programs."""

from nngauge.engines._api import Engine, Feed, Reply, Request, Trouble, Written

__all__ = ["Engine", "Feed", "Reply", "Request", "Trouble", "Written"]
