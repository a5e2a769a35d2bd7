"""Walks the code of a scripted PyTorch model from its entry and writes down the operations in the order they would run.

Nothing is executed: calls of submodules and functions are followed into their code, conditions that only depend on
plain attributes (``training``) are decided, all others become ``If`` and ``Loop`` nodes with sub-graphs. Every step is
counted, so that code which calls itself a billion times ends in a `LimitError`.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from nngauge.domain.graph import DType, Graph, Tensor
from nngauge.errors import LimitError
from nngauge.formats._parts.torchscript_block import Block, Draft
from nngauge.formats._parts.torchscript_expressions import (
    MAX_RESULTS,
    UNKNOWN,
    Expressions,
    ListValue,
    Module,
    Names,
    RaisedHere,
)
from nngauge.formats.vocabulary.torch import Ref
from nngauge.io.pickle_opcodes import Built

_MAX_UNROLLED = 32
"""Turns of a loop that fills a list and is written out: lists of sizes have one element for each axis."""


class Program(Expressions):
    """One archive: its code, its objects and its weights."""

    def graph(self, root: Built, method: str) -> Graph | None:
        """The graph of a method of the root object, None when its code is not there."""
        module = Module(root, "")
        code = self._method(module, method)
        if code is None:
            return None
        names: Names = {}
        arguments = code.args.args
        defaults = [None] * (len(arguments) - len(code.args.defaults)) + list(code.args.defaults)
        for argument, default in zip(arguments[:1], [module], strict=False):
            names[argument.arg] = default
        for argument, given in zip(arguments[1:], defaults[1:], strict=False):
            names[argument.arg] = self._input(argument, given)
        try:
            result = self._run(code.body, names)
        except RaisedHere:
            result = None
        self._block.outputs = [ref.at for ref in self._refs(result)]
        return self._values.graph(self._block)

    def _input(self, argument: ast.arg, default: ast.expr | None) -> object:
        """A tensor or number that is fed, or the default of an argument that is neither."""
        kind = ast.unparse(argument.annotation)[:200] if argument.annotation is not None else "Tensor"
        scalar = {"int": DType.INT64, "float": DType.FLOAT32, "bool": DType.BOOL}.get(kind)
        if default is not None and "Tensor" not in kind:
            return self._eval(default, {})
        if scalar is None and "Tensor" not in kind:
            return UNKNOWN
        if kind.startswith("Tuple["):
            parts = [self._fed(f"{argument.arg}.{at}") for at in range(min(kind.count("Tensor"), 64))]
            return tuple(parts)
        return self._fed(argument.arg, scalar)

    def _fed(self, name: str, scalar: DType | None = None) -> Ref:
        number = self._values.new(name, scalar or DType.UNKNOWN, () if scalar else None)
        self._block.inputs.append(number)
        return Ref(number)

    def _run(self, body: Sequence[ast.stmt], names: Names) -> object:
        """Walks statements; gives what ``return`` returns, which only stands at the end."""
        for statement in body:
            self._step()
            if isinstance(statement, ast.Return):
                return self._eval(statement.value, names) if statement.value is not None else None
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                self._assign(statement.targets[0], self._eval(statement.value, names), names)
            elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
                self._assign(statement.target, self._eval(statement.value, names), names)
            elif isinstance(statement, ast.Expr):
                self._eval(statement.value, names)
            elif isinstance(statement, ast.If):
                self._if(statement, names)
            elif isinstance(statement, ast.For | ast.While):
                self._loop(statement, names)
        return None

    def _walked(self, body: Sequence[ast.stmt], names: Names) -> bool:
        """Walks a branch; False when it ends in an error."""
        depth, paths = self._depth, len(self._paths)
        try:
            self._run(body, names)
        except RaisedHere:
            self._depth = depth
            del self._paths[paths:]
            return False
        return True

    def _assign(self, target: ast.expr, value: object, names: Names) -> None:
        if isinstance(target, ast.Name):
            names[target.id] = value
            self._rename(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            for part, item in zip(target.elts, self._unpack(value, len(target.elts)), strict=True):
                self._assign(part, item, names)
        elif isinstance(target, ast.Attribute):
            numbers = tuple(ref.at for ref in self._refs(value))
            self._values.add(self._block, Draft("prim::SetAttr", "Assign", target.attr, numbers, [], effect=True))

    def _rename(self, name: str, value: object) -> None:
        """A result is called as the code calls it."""
        if isinstance(value, Ref) and value.at >= self._values.weights:
            tensor = self._values.tensors[value.at]
            if tensor.name == f"%{value.at}":
                self._values.tensors[value.at] = Tensor(
                    f"{name}.{value.at}", tensor.dtype, tensor.shape, values=tensor.values
                )

    def _unpack(self, value: object, count: int) -> list[object]:
        if count > MAX_RESULTS:
            raise LimitError(f"{count} results of one operation")
        items = value.items if isinstance(value, ListValue) else value
        if isinstance(items, tuple | list):
            return [*items, *[UNKNOWN] * (count - len(items))][:count]
        maker = self._values.makers.get(value.at) if isinstance(value, Ref) else None
        if maker is None or not isinstance(value, Ref):
            return [UNKNOWN] * count
        if maker.outputs[0] != value.at or maker.kind in ("If", "Loop"):
            maker = Draft("prim::TupleUnpack", "NoOp", "", (value.at,), [])
            self._values.grow(self._values.add(self._block, maker), count)
        return [Ref(number) for number in self._values.grow(maker, count)]

    def _if(self, statement: ast.If, names: Names) -> None:
        condition = self._eval(statement.test, names)
        if isinstance(condition, bool | int | float | str | None):
            self._run(statement.body if condition else statement.orelse, names)
            return
        branches = [statement.body, statement.orelse]
        if _raises(statement.body) or _raises(statement.orelse):
            # A check: only the way that goes on is shown.
            self._run(branches[int(_raises(statement.body))], names)
            return
        self._deeper()
        outer, blocks, found = self._block, [Block("then"), Block("else")], []
        for block, branch in zip(blocks, branches, strict=True):
            self._block = block
            inner = dict(names)
            if not self._walked(branch, inner):
                inner = dict(names)
            found.append(inner)
        self._block = outer
        self._depth -= 1
        node = Draft("prim::If", "If", self._path(), self._condition(condition), [])
        node.bodies = {"then_branch": blocks[0], "else_branch": blocks[1]}
        for name in found[0]:
            if name in found[1] and (name not in names or not _same(found[0][name], found[1][name])):
                names[name] = self._merged(node, blocks, found[0][name], found[1][name])
        node.effect = blocks[0].effect or blocks[1].effect
        self._values.add(self._block, node)

    def _condition(self, value: object) -> tuple[int, ...]:
        return (value.at,) if isinstance(value, Ref) else (-1,)

    def _merged(self, node: Draft, blocks: Sequence[Block], left: object, right: object) -> object:
        """What a name stands for behind an ``If``."""
        if _same(left, right):
            return left
        pairs = [item.items if isinstance(item, ListValue) else item for item in (left, right)]
        if all(isinstance(pair, tuple | list) for pair in pairs) and len(pairs[0]) == len(pairs[1]):  # type: ignore[arg-type]
            items = [self._merged(node, blocks, a, b) for a, b in zip(*pairs, strict=True)]
            return tuple(items)
        for block, value in zip(blocks, (left, right), strict=True):
            block.outputs.append(self._number(value))
        number = self._values.new()
        node.outputs.append(number)
        ranks = {self._ranks.get(item.at) for item in (left, right) if isinstance(item, Ref)}
        rank = ranks.pop() if len(ranks) == 1 else None
        if rank is not None:
            self._ranks[number] = rank
        return Ref(number)

    def _loop(self, statement: ast.For | ast.While, names: Names) -> None:
        """``for i in range(n)`` and ``while c``; what the body assigns to names from outside goes round."""
        trips, start = self._trips(statement, names)
        if isinstance(statement, ast.For) and trips is not None and trips <= _MAX_UNROLLED and _appends(statement.body):
            for turn in range(trips):
                self._assign(statement.target, turn, names)
                self._run(statement.body, names)
            return
        self._deeper()
        node = Draft("prim::Loop", "Loop", self._path(), (), [])
        carried = [name for name in _assigned(statement.body) if isinstance(names.get(name), Ref | int | float)]
        body, initial = self._body(statement, carried, names)
        self._depth -= 1
        node.inputs = (*start, *initial)
        node.bodies = {"body": body}
        node.attributes = {"trip_count": trips} if isinstance(trips, int) and trips >= 0 else {}
        node.effect = body.effect
        self._values.add(self._block, node)
        results = self._values.grow(node, len(carried))
        for name, number, last in zip(carried, results, body.outputs[1:], strict=True):
            names[name] = Ref(number)
            if last in self._ranks:
                self._ranks[number] = self._ranks[last]
        for name in _assigned(statement.body):
            if name in names and name not in carried:
                names[name] = UNKNOWN

    def _body(self, statement: ast.For | ast.While, carried: Sequence[str], names: Names) -> tuple[Block, list[int]]:
        """What a loop repeats, and the first values of `carried`, the names that go round."""
        outer, self._block = self._block, Block("body")
        inner = dict(names)
        place, going = self._values.new("i", DType.INT64, ()), self._values.new("", DType.BOOL, ())
        self._block.inputs = [place, going]
        if isinstance(statement, ast.For):
            self._assign(statement.target, Ref(place), inner)
        initial = [self._number(names[name]) for name in carried]
        for name, number in zip(carried, initial, strict=True):
            tensor = self._values.tensors[number]
            inner[name] = self._carried(name, tensor)
            if number in self._ranks:
                self._ranks[self._block.inputs[-1]] = self._ranks[number]
        self._walked(statement.body, inner)
        test = self._eval(statement.test, inner) if isinstance(statement, ast.While) else None
        self._block.outputs = [self._number(test) if test is not None else going]
        self._block.outputs += [self._number(inner[name]) for name in carried]
        body, self._block = self._block, outer
        return body, initial

    def _carried(self, name: str, tensor: Tensor) -> Ref:
        number = self._values.new("", tensor.dtype, None)
        self._values.tensors[number] = Tensor(f"{name}.{number}", tensor.dtype, tensor.shape)
        self._block.inputs.append(number)
        return Ref(number)

    def _trips(self, statement: ast.For | ast.While, names: Names) -> tuple[int | None, tuple[int, int]]:
        """How often the loop runs, where that is known, and its first two inputs in ONNX's order."""
        if isinstance(statement, ast.While):
            return None, (-1, self._number(self._eval(statement.test, names)))
        call = statement.iter
        limit: object = None
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "range" and call.args:
            limit = self._eval(call.args[-1 if len(call.args) < 3 else 1], names)
        else:
            self._eval(call, names)
        trips = limit if isinstance(limit, int) and not isinstance(limit, bool) else None
        return trips, (self._number(limit) if limit is not None else -1, -1)


def _same(left: object, right: object) -> bool:
    """Whether two branches leave the same behind."""
    if isinstance(left, Ref) and isinstance(right, Ref):
        return left.at == right.at
    plain = isinstance(left, bool | int | float | str | None) and type(left) is type(right)
    return left is right or (plain and left == right)


def _raises(body: Sequence[ast.stmt]) -> bool:
    """Whether these statements end in an error."""
    for statement in body:
        value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and value.func.attr == "RaiseException"
        ):
            return True
    return False


def _appends(body: Sequence[ast.stmt]) -> bool:
    """Whether the statements make a list longer."""
    for statement in body:
        value = statement.value if isinstance(statement, ast.Expr | ast.Assign) else None
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "append":
            return True
    return False


def _assigned(body: Sequence[ast.stmt]) -> list[str]:
    """Names that the statements assign to, in order, those inside branches too."""
    found: dict[str, None] = {}
    pending = list(reversed(body))
    while pending:
        statement = pending.pop()
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            found[statement.target.id] = None
        elif isinstance(statement, ast.Assign):
            for target in statement.targets:
                parts = target.elts if isinstance(target, ast.Tuple) else [target]
                found |= dict.fromkeys(part.id for part in parts if isinstance(part, ast.Name))
        elif isinstance(statement, ast.If | ast.For | ast.While):
            pending += [*reversed(statement.orelse), *reversed(statement.body)]
    return list(found)
