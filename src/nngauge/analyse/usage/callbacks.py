"""Methods that the system calls: which overrides of an object's class run without anybody in the app calling them.

An app's code does not tell which methods a class of the system has, so they are known by name. A name that is missing
here costs confidence, not the verdict: such overrides are followed last (see `search`).
"""

from __future__ import annotations

import re
from typing import Final

_HANDLER: Final = re.compile(r"(?:on|do|handle|before|after|dispatch)(?:[A-Z]\w*)?")
"""``onCreate``, ``doInBackground``, ``handleMessage``, ``beforeTextChanged``: how Android names what it calls."""

_NAMES: Final = frozenset(
    ["run", "call", "accept", "apply", "test", "get", "getAsInt", "invoke", "invokeSuspend", "compare", "compareTo", "equals", "hashCode", "toString", "close", "iterator", "next", "hasNext", "execute", "resume", "resumeWith", "uncaughtException", "newThread", "createFromParcel", "newArray", "writeToParcel", "describeContents", "draw", "computeScroll", "getView", "getCount", "getItem", "getItemId", "getItemCount", "getItemViewType", "attachBaseContext", "query", "insert", "update", "delete", "getType", "openFile", "openAssetFile", "surfaceCreated", "surfaceChanged", "surfaceDestroyed", "intercept", "serialize", "deserialize", "transact", "queueIdle", "shouldOverrideUrlLoading", "shouldInterceptRequest", "instantiateItem", "destroyItem", "isViewFromObject", "instantiateActivity", "instantiateApplication", "instantiateService", "instantiateReceiver", "instantiateProvider", "performFiltering", "publishResults", "analyze"]
)  # fmt: skip


def is_callback(name: str) -> bool:
    """Whether a method of this name, inherited from a class of the system, is one that the system calls."""
    return name in _NAMES or _HANDLER.fullmatch(name) is not None
