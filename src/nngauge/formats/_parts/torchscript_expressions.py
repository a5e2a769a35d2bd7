"""Expressions of a scripted PyTorch model's code: names, attributes of the archive's objects, calls.

Calls of operators become nodes, calls of submodules and functions are followed into their code.
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from msgspec import Struct

from nngauge.domain.graph import Attribute, Tensor
from nngauge.errors import LimitError
from nngauge.formats._parts.torch_operands import Numbers, operands
from nngauge.formats._parts.torch_pickle import Mark, is_tensor, mark_of
from nngauge.formats._parts.torchscript_block import Block, Draft, Values
from nngauge.formats._parts.torchscript_code import ClassCode, Code
from nngauge.formats._parts.torchscript_ranks import rank_of
from nngauge.formats._parts.torchscript_static import evaluate, literal
from nngauge.formats.vocabulary.torch import Arg, Call, Ref, Unknown, canonical, plain_name
from nngauge.io.pickle_opcodes import Built, Global, Pairs

_MAX_STEPS = 250_000
"""Expressions and statements walked; an honest model of 10⁴ operations takes about 10⁵."""
_MAX_DEPTH = 150
"""Calls and expressions inside each other; each takes up to four Python frames."""
MAX_RESULTS = 4096
_ROOTS = ("torch", "ops", "__torch__", "CONSTANTS")
_SILENT = frozenset(
    {"device", "dtype", "layout", "is_cpu", "is_mps", "is_xpu", "is_vulkan", "is_floating_point", "is_complex",
     "is_scripting", "grad_fn", "Size", "format", "warn", "print", "save", "set_grad_enabled"}
)  # fmt: skip
"""Questions about a tensor, and bookkeeping: no node is made of them."""
_ABSENT = frozenset(
    {"is_autocast_enabled", "is_autocast_cache_enabled", "is_grad_enabled", "is_nested", "is_quantized", "is_cuda",
     "requires_grad", "is_tracing", "is_sparse", "is_mkldnn", "is_meta", "is_autocast_cpu_enabled"}
)  # fmt: skip
"""What does not hold where a model is only run, on a processor and on plain tensors."""
_EFFECTS = frozenset({"append", "extend", "insert", "pop", "__setitem__", "_set_item"})
"""Changes of lists; operators in place end with an underscore."""
UNKNOWN = Unknown()


class Module(Struct, eq=False):
    """An object of the archive, and the way to it."""

    built: Built
    path: str


class Function(Struct, eq=False):
    """A function of the archive's code, or a method bound to its object."""

    code: ast.FunctionDef
    owner: Module | None = None


class ListValue(Struct, eq=False):
    """A list; `number` is set once it has become a value of the graph because a loop or branch changes it."""

    items: list[object]
    home: Block
    number: int | None = None


class RaisedHere(Exception):
    """The code raises an error here."""


Names = dict[str, object]
"""What the names of the code stand for."""


class Expressions(ABC):
    """The state of one walk, and what expressions mean in it."""

    def __init__(
        self, code: Code, weights: Sequence[Tensor], places: Mapping[Mark, int], constants: Sequence[object]
    ) -> None:
        """`places`: which of `weights` a pickled tensor is. `constants`: what ``CONSTANTS.c0`` … stand for."""
        self._code = code
        self._values = Values(weights)
        self._numbers = Numbers(self._values.tensors)
        self._places = places
        self._constants = constants
        self._block = Block()
        self._steps = self._depth = 0
        self._paths: list[str] = []
        self._ranks = {at: len(tensor.shape) for at, tensor in enumerate(weights) if tensor.shape is not None}

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MAX_STEPS:
            raise LimitError("the code takes more steps than are followed")

    @abstractmethod
    def _run(self, body: Sequence[ast.stmt], names: Names) -> object:
        """Walks statements; gives what ``return`` returns."""

    def _number(self, value: object) -> int:
        """A value of the graph for anything: numbers become small constants, what is unknown an empty value."""
        if isinstance(value, Ref):
            return value.at
        if isinstance(value, ListValue):
            return self._materialised(value)
        found = self._numbers.place(value) if isinstance(value, bool | int | float) else -1
        return found if found >= 0 else self._values.new()

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise LimitError("the code is nested too deeply")

    def _eval(self, node: ast.expr, names: Names) -> object:
        self._step()
        self._deeper()
        found = self._value(node, names)
        self._depth -= 1
        return found

    def _value(self, node: ast.expr, names: Names) -> object:
        if isinstance(node, ast.Name):
            return names.get(node.id, {"inf": float("inf"), "nan": float("nan")}.get(node.id, UNKNOWN))
        if isinstance(node, ast.Constant):
            found = literal(node.value)
            return found[0] if found is not None else UNKNOWN
        if isinstance(node, ast.Call):
            return self._call(node, names)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, names)
        if isinstance(node, ast.Tuple):
            return tuple([self._eval(item, names) for item in node.elts])
        if isinstance(node, ast.List):
            return ListValue([self._eval(item, names) for item in node.elts], self._block)
        if isinstance(node, ast.Subscript):
            return self._subscript(node, names)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            found = evaluate("neg", [self._eval(node.operand, names)])
            return found[0] if found is not None else UNKNOWN
        return UNKNOWN

    def _attribute(self, node: ast.Attribute, names: Names) -> object:
        """``a.b.c``, resolved without recursion because chains may be long."""
        chain: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            chain.append(base.attr)
            base = base.value
        self._steps += len(chain)
        chain.reverse()
        if isinstance(base, ast.Name) and base.id in _ROOTS and base.id not in names:
            return self._global(base.id, chain)
        value = self._eval(base, names)
        for name in chain:
            value = self._member(value, name)
        return value

    def _global(self, root: str, chain: list[str]) -> object:
        if root == "CONSTANTS":
            place = chain[0][1:]
            known = place.isdecimal() and len(place) < 9 and int(place) < len(self._constants)
            return self._pickled(self._constants[int(place)], "") if known else UNKNOWN
        if root == "__torch__":
            code = self._code.find(".".join((root, *chain)))
            return Function(code) if isinstance(code, ast.FunctionDef) else UNKNOWN
        return UNKNOWN

    def _member(self, value: object, name: str) -> object:
        if not isinstance(value, Module):
            return UNKNOWN
        code = self._class(value)
        if code is not None and name in code.methods:
            return Function(code.methods[name], value)
        for key, item in _pairs(value.built):
            if key == name:
                found = self._pickled(item, f"{value.path}.{name}" if value.path else name)
                return self._variable(name, found) if code is not None and name in code.written else found
        if code is not None and name in code.constants:
            return self._eval(code.constants[name], {})
        return UNKNOWN

    def _variable(self, name: str, initial: object) -> object:
        """An attribute that the code writes: what it holds is only known at the start."""
        if not isinstance(initial, Ref | bool | int | float | str | None):
            return initial
        first = (initial.at,) if isinstance(initial, Ref) else ()
        draft = Draft("prim::GetAttr", "Variable", name, first, [self._values.new()])
        return Ref(self._values.add(self._block, draft).outputs[0])

    def _pickled(self, item: object, path: str) -> object:
        """An object of the archive as a value of the code."""
        if isinstance(item, Built) and isinstance(item.maker, Global) and item.maker.module == "torch.jit._pickle":
            # Lists are tagged with their type: build_tensorlist([…]), restore_type_tag(…, "List[int]").
            item = item.args[0] if isinstance(item.args, tuple) and item.args else None
        if isinstance(item, Built):
            if not is_tensor(item):
                return Module(item, path)
            mark = mark_of(item)
            place = self._places.get(mark) if mark is not None else None
            return Ref(place) if place is not None else UNKNOWN
        if isinstance(item, list | tuple):
            self._steps += len(item)
            found = [self._pickled(part, path) for part in item[:MAX_RESULTS]]
            return tuple(found) if isinstance(item, tuple) else ListValue(found, self._block)
        plain = literal(item)
        return plain[0] if plain is not None else UNKNOWN

    def _class(self, module: Module) -> ClassCode | None:
        maker = module.built.maker
        if not isinstance(maker, Global):
            return None
        code = self._code.find(f"{maker.module}.{maker.name}")
        return code if isinstance(code, ClassCode) else None

    def _method(self, module: Module, name: str) -> ast.FunctionDef | None:
        code = self._class(module)
        return code.methods.get(name) if code is not None else None

    def _subscript(self, node: ast.Subscript, names: Names) -> object:
        value, index = self._eval(node.value, names), self._eval(node.slice, names)
        items = value.items if isinstance(value, ListValue) and value.number is None else value
        if isinstance(items, list | tuple) and isinstance(index, int):
            return items[index] if -len(items) <= index < len(items) else UNKNOWN
        if not isinstance(value, Ref | ListValue):
            return UNKNOWN
        ref = value if isinstance(value, Ref) else Ref(self._materialised(value))
        maker = self._values.makers.get(ref.at)
        if maker is not None and maker.kind == "Split" and isinstance(index, int) and 0 <= index < MAX_RESULTS:
            return Ref(self._values.grow(maker, index + 1)[index])
        return self._operation("aten::__getitem__", [ref, index], {})

    def _call(self, node: ast.Call, names: Names) -> object:
        function = node.func
        if isinstance(function, ast.Name) and function.id not in names:
            return self._builtin(function.id, node, names)
        space = _namespace(function) if isinstance(function, ast.Attribute) else None
        args = [self._eval(item, names) for item in node.args]
        named = {item.arg: self._eval(item.value, names) for item in node.keywords if item.arg}
        if space is not None and space[0] not in names:
            return self._operation(space[1], args, named)
        callee = self._eval(function, names)
        if isinstance(callee, Function):
            return self._invoke(callee, args, named)
        return UNKNOWN

    def _builtin(self, name: str, node: ast.Call, names: Names) -> object:
        """``annotate(T, x)``, ``getattr(self, "0")``, ``int(x)`` …"""
        if name in ("annotate", "unchecked_cast") and len(node.args) == 2:
            return self._eval(node.args[1], names)
        args = [self._eval(item, names) for item in node.args] if name != "uninitialized" else []
        if name == "getattr" and len(args) == 2 and isinstance(args[1], str):
            return self._member(args[0], args[1])
        if name in ("int", "float", "bool") and len(args) == 1:
            return self._operation(f"aten::{name.capitalize()}", args, {})
        if name == "len":
            return self._operation("aten::len", args, {})
        return UNKNOWN

    def _invoke(self, function: Function, args: Sequence[object], named: Mapping[str, object]) -> object:
        """Follows a call into its code."""
        code, owner = function.code, function.owner
        given = [owner, *args] if owner is not None else list(args)
        names: Names = {}
        arguments = code.args.args
        first = len(arguments) - len(code.args.defaults)
        for place, argument in enumerate(arguments):
            if place < len(given):
                names[argument.arg] = given[place]
            elif argument.arg in named:
                names[argument.arg] = named[argument.arg]
            elif place >= first:
                names[argument.arg] = self._eval(code.args.defaults[place - first], {})
            else:
                names[argument.arg] = UNKNOWN
        self._deeper()
        self._paths.append(owner.path if owner is not None else self._path())
        found = self._run(code.body, names)
        self._paths.pop()
        self._depth -= 1
        return found

    def _path(self) -> str:
        return self._paths[-1] if self._paths else ""

    def _operation(self, op: str, args: Sequence[object], named: Mapping[str, object]) -> object:
        """A call of an operator: a plain number where all arguments are, else a node."""
        name = op.partition("::")[2]
        if name == "RaiseException":
            raise RaisedHere
        if name in _SILENT:
            return UNKNOWN
        if name == "unchecked_unwrap_optional":
            return args[0] if args else UNKNOWN
        if name in _ABSENT:
            return False
        known = evaluate(name, args)
        if known is not None:
            return known[0]
        if name in ("__is__", "__isnot__") and len(args) == 2 and all(isinstance(arg, Ref) for arg in args):
            return (args[0] == args[1]) == (name == "__is__")
        rank = self._known_rank(name, args)
        if rank is not None:
            return rank
        listed = self._of_list(name, args)
        if listed is not None:
            return listed[0]
        given = [self._argument(arg) for arg in args]
        if args and all(isinstance(arg, Unknown) for arg in given):
            return UNKNOWN
        return Ref(self._node(op, name, given, {key: self._argument(arg) for key, arg in named.items()}))

    def _known_rank(self, name: str, args: Sequence[object]) -> int | None:
        """``dim(x)`` and ``len(size(x))``, where the rank of x is known."""
        value = args[0] if len(args) == 1 else None
        if not isinstance(value, Ref) or name not in ("dim", "len"):
            return None
        if name == "dim":
            return self._ranks.get(value.at)
        maker = self._values.makers.get(value.at)
        asked = maker is not None and maker.op == "aten::size" and maker.attributes.get("start") is None
        return self._ranks.get(maker.inputs[0]) if maker is not None and asked and maker.inputs else None

    def _of_list(self, name: str, args: Sequence[object]) -> tuple[object] | None:
        """Operations on lists that the code itself keeps, their result in a tuple."""
        target = args[0] if args else None
        if not isinstance(target, ListValue) or target.number is not None:
            return None
        if name == "len":
            return (len(target.items),)
        plain = (bool, int, float, str, type(None))
        if name == "__contains__" and all(isinstance(item, plain) for item in (*target.items, *args[1:])):
            return (args[1] in target.items,)
        if name == "append" and len(args) == 2 and target.home is self._block and len(target.items) < MAX_RESULTS:
            target.items.append(args[1])
            return (target,)
        if name == "add" and len(args) == 2 and isinstance(args[1], ListValue) and args[1].number is None:
            self._steps += len(target.items) + len(args[1].items)
            return (ListValue([*target.items, *args[1].items][:MAX_RESULTS], self._block),)
        if name == "append":
            self._materialised(target)
        return None

    def _argument(self, value: object) -> Arg:
        """A value of the code as an argument of an operator."""
        if isinstance(value, ListValue):
            value = Ref(value.number) if value.number is not None else tuple(value.items)
        if isinstance(value, tuple):
            self._steps += len(value)
            return tuple([self._argument(item) for item in value])
        if isinstance(value, Module):
            return tuple(self._refs(value))
        if isinstance(value, Ref | bool | int | float | str | None):
            return value
        return UNKNOWN

    def _materialised(self, value: ListValue) -> int:
        """The list as a value of the graph, made where the list was made."""
        if value.number is None:
            value.number = self._listed(tuple([self._argument(item) for item in value.items]), value.home)
        return value.number

    def _listed(self, items: tuple[Arg, ...], block: Block) -> int:
        """A list of sizes (each a list of one) joined, or of tensors."""
        ones: list[Arg] = [(item,) if isinstance(item, bool | int | float) else item for item in items]
        read = operands(ones, self._numbers, lambda number: number)
        draft = Draft("prim::ListConstruct", "Concat", self._path(), read, [self._values.new()], {"axis": 0})
        return self._values.add(block, draft).outputs[0]

    def _node(self, op: str, name: str, args: Sequence[Arg], named: Mapping[str, Arg]) -> int:
        """Adds a node; gives its first result."""
        known = canonical(op, args, named)
        kind: str | None = None
        attributes: dict[str, Attribute] = {}
        if known is None:
            inputs: Sequence[Arg] = [arg for arg in args if isinstance(arg, Ref)]
        else:
            kind, inputs, attributes = known.kind, known.inputs, dict(known.attributes)
        sizes = kind in ("Reshape", "Expand", "Tile", "ConstantOfShape", "Resize")
        whole = [
            Ref(self._listed(item, self._block)) if sizes and isinstance(item, tuple) and _mixed(item) else item
            for item in inputs
        ]
        read = operands([item for item in whole if not isinstance(item, Unknown | str)], self._numbers, lambda at: at)
        effect = name in _EFFECTS or (name.endswith("_") and not name.endswith("__"))
        draft = Draft(op, kind, self._path(), read, [self._values.new()], attributes, effect=effect)
        number = self._values.add(self._block, draft).outputs[0]
        call = Call(plain_name(op), args, named)
        rank = rank_of(call, self._ranks)
        if rank is not None and kind in ("Conv", "ConvTranspose") and read:
            self._ranks.setdefault(read[0], rank)  # what a convolution reads has as many axes as what it gives
        if rank is not None:
            self._ranks[number] = rank
        swap = attributes.get("swap")
        if kind == "Transpose" and rank and isinstance(swap, tuple):
            draft.attributes = {"perm": _swapped(rank, int(swap[0]), int(swap[1]))}
        return number

    def _refs(self, value: object) -> list[Ref]:
        """All values of the graph in a result, an argument or a packed object."""
        found: list[Ref] = []
        pending = [value]
        while pending:
            item = pending.pop()
            self._step()
            if isinstance(item, Ref):
                found.append(item)
            elif isinstance(item, ListValue):
                pending += [Ref(item.number)] if item.number is not None else list(reversed(item.items))
            elif isinstance(item, tuple):
                pending += reversed(item)
            elif isinstance(item, Module):
                pending += [self._pickled(part, "") for part in _parts(item.built)]
            elif isinstance(item, bool | int | float) and item is value:
                found.append(Ref(self._number(item)))
        return found


def _namespace(node: ast.Attribute) -> tuple[str, str] | None:
    """`(root name, operator)` of ``torch.add`` and ``ops.prim.data``."""
    base = node.value
    if isinstance(base, ast.Name) and base.id == "torch":
        return "torch", f"aten::{node.attr}"
    if isinstance(base, ast.Attribute) and isinstance(base.value, ast.Name) and base.value.id in ("ops", "torch"):
        return base.value.id, f"{base.attr if base.value.id == 'ops' else 'aten'}::{node.attr}"
    return None


def _pairs(built: Built) -> list[tuple[object, object]]:
    return built.state.pairs if isinstance(built.state, Pairs) else built.pairs


def _parts(built: Built) -> list[object]:
    """What a packed object holds."""
    state = built.state
    if isinstance(state, Pairs):
        return [item for _, item in reversed(state.pairs)]
    return list(reversed(state)) if isinstance(state, tuple | list) else []


def _swapped(rank: int, first: int, second: int) -> tuple[int, ...]:
    """The permutation that exchanges two axes."""
    axes = list(range(rank))
    first, second = first % rank, second % rank
    axes[first], axes[second] = axes[second], axes[first]
    return tuple(axes)


def _mixed(item: tuple[Arg, ...]) -> bool:
    """A list in which some sizes are computed."""
    return len(item) > 1 and any(isinstance(part, Ref) for part in item)
