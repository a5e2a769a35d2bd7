"""The code of a scripted PyTorch model: Python-like text, parsed into syntax trees and never compiled or run.

Language: https://pytorch.org/docs/stable/jit_language_reference.html; where it lies in an archive:
https://github.com/pytorch/pytorch/blob/main/torch/csrc/jit/docs/serialization.md.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable

from msgspec import Struct, field

from nngauge.errors import LimitError, MalformedError
from nngauge.limits import MIB

_MAX_CODE = 4 * MIB
"""Code of one archive that is parsed; syntax trees take some hundred times the text. Real models have up to 2 MB."""
_MAX_FILES = 20_000


class ClassCode(Struct):
    """A class: its methods, what its constants are, and which attributes its methods write."""

    name: str
    """Qualified, as pickles name it."""
    methods: dict[str, ast.FunctionDef] = field(default_factory=dict)
    constants: dict[str, ast.expr] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)


class Code:
    """The files of one archive, parsed when somebody asks for what they define."""

    def __init__(self, read: Callable[[str, int], bytes | None]) -> None:
        """`read` gives a record of the archive, up to a number of bytes."""
        self._read = read
        self._left = _MAX_CODE
        self._files: dict[str, dict[str, ClassCode | ast.FunctionDef]] = {}

    def find(self, name: str) -> ClassCode | ast.FunctionDef | None:
        """The class or function of a qualified name such as ``__torch__.torch.nn.modules.conv.Conv2d``."""
        module, _, last = name.rpartition(".")
        if not module.startswith("__torch__"):
            return None
        known = self._files.get(module)
        if known is None:
            known = self._files[module] = self._parse(module)
        return known.get(last)

    def _parse(self, module: str) -> dict[str, ClassCode | ast.FunctionDef]:
        if len(self._files) > _MAX_FILES:
            raise LimitError("too many files of code")
        content = self._read(f"code/{module.replace('.', '/')}.py", self._left)
        if content is None:
            return {}
        self._left -= len(content)
        if self._left < 0:
            raise LimitError("more code than is parsed")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what the parser thinks of odd literals is nothing for our output
                tree = ast.parse(content)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise MalformedError(f"{module[:80]} is not TorchScript: {str(error)[:80]}") from None
        found: dict[str, ClassCode | ast.FunctionDef] = {}
        for item in tree.body:
            if isinstance(item, ast.ClassDef):
                found[item.name] = _class(f"{module}.{item.name}", item)
            elif isinstance(item, ast.FunctionDef):
                found[item.name] = item
        return found


def _class(name: str, item: ast.ClassDef) -> ClassCode:
    found = ClassCode(name)
    for member in item.body:
        if isinstance(member, ast.FunctionDef):
            found.methods[member.name] = member
            found.written |= _written(member)
        elif isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name) and member.value is not None:
            found.constants[member.target.id] = member.value
    return found


def _written(method: ast.FunctionDef) -> set[str]:
    """Names of attributes that are assigned to anywhere in the method."""
    found = set()
    pending: list[ast.stmt] = list(method.body)
    while pending:
        statement = pending.pop()
        if isinstance(statement, ast.If | ast.For | ast.While):
            pending += [*statement.body, *statement.orelse]
        elif isinstance(statement, ast.Assign):
            found |= {target.attr for target in statement.targets if isinstance(target, ast.Attribute)}
    return found
