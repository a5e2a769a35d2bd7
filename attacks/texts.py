"""Texts that explode or never end: nested JSON, entities that multiply, lines without end, regular expressions that crawl.

Python's own JSON reader overflows the stack at some thousand brackets; expat multiplies entities ("billion laughs")
unless told not to; a 200 MB line takes grep-like rules minutes.
"""

from __future__ import annotations

from pathlib import Path

from attacks._api import Attack, all_of, models, scanned
from tests.builders.zips import Member, archive

_MIB = 1 << 20
_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + at, b"&%c;" % (97 + at) * 10) for at in range(12))
    + b']><net name="&m;" version="11"><layers><layer id="0" name="&m;" type="Parameter"/></layers></net>'
)


def _attack(name: str, title: str, entry: bytes, data: bytes) -> Attack:
    def build(folder: Path) -> Path:
        target = folder / "app.apk"
        target.write_bytes(archive([Member(name=entry, data=data)]))
        return target

    return Attack(name=name, title=title, build=build, check=all_of(scanned, models(0)), entries=1)


ATTACKS = (
    _attack("json-deep", "JSON: a million brackets", b"assets/model.json", b'{"modelTopology":' + b"[" * 1_000_000),
    _attack("json-deep-objects", "JSON: objects 100,000 deep", b"assets/model.json", b'{"modelTopology":' * 100_000),
    _attack("json-numbers", "JSON: an integer of a million digits", b"assets/model.json", b'{"modelTopology":{"a":' + b"9" * 1_000_000 + b"}}"),
    _attack("json-long", "JSON: 30 MiB of weights manifest", b"assets/model.json", b'{"weightsManifest":[' + b'{"paths":[],"weights":[]},' * (30 * _MIB // 26) + b"{}]}"),
    _attack("xml-laughs", "XML: a billion laughs in an OpenVINO model", b"assets/net.xml", _LAUGHS),
    _attack("xml-deep", "XML: 200,000 elements one in the other", b"assets/net.xml", b'<?xml version="1.0"?><net name="a" version="11"><layers>' + b"<layer>" * 200_000),
    _attack("text-line", "text: one line of 64 MiB", b"assets/a.txt", b"a" * (64 * _MIB)),
    _attack("script-line", "JavaScript: one line of 64 MiB of brackets", b"assets/index.android.bundle", b"var a=function(){" + b"[(" * (32 * _MIB)),
    _attack("script-hosts", "JavaScript: api.openai.com a million times, never whole", b"assets/a.js", b"function(){" + b"xapi.openai.comx" * 1_000_000),
    _attack("prototxt-deep", "prototxt: messages 100,000 deep", b"assets/deploy.prototxt", b'name: "n"\nlayer { name: "a" type: "Convolution" ' + b"p { " * 100_000),
    _attack("param-text", "ncnn: two million words in a line", b"assets/a.param", b"7767517\n2 2\nInput a 0 1 a " + b"0=1 " * 2_000_00),
    _attack("mil-text", "Core ML: a program text of brackets", b"assets/a.mlmodelc/model.mil", b"program(1.0)\n" + b"{[<(" * 500_000),
)  # fmt: skip
