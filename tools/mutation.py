"""Small changes to a piece of Python, one at a time: what a check must notice.

    mutants("y = a + b") gives y = a - b, y = a, y = b

The changes are those that people make by mistake: another operator, a constant that is one off, a
flipped comparison, a term or a keyword left out, the neighbor of a function (sum and mean).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

OPERATORS = {
    cst.Add: cst.Subtract, cst.Subtract: cst.Add, cst.Multiply: cst.Divide,
    cst.Divide: cst.Multiply, cst.FloorDivide: cst.Divide, cst.Modulo: cst.FloorDivide,
    cst.Power: cst.Multiply, cst.MatrixMultiply: cst.Multiply,
    cst.AddAssign: cst.SubtractAssign, cst.SubtractAssign: cst.AddAssign,
    cst.MultiplyAssign: cst.DivideAssign, cst.DivideAssign: cst.MultiplyAssign,
    cst.LessThan: cst.LessThanEqual, cst.LessThanEqual: cst.LessThan,
    cst.GreaterThan: cst.GreaterThanEqual, cst.GreaterThanEqual: cst.GreaterThan,
    cst.Equal: cst.NotEqual, cst.NotEqual: cst.Equal, cst.In: cst.NotIn, cst.NotIn: cst.In,
    cst.And: cst.Or, cst.Or: cst.And,
}  # fmt: skip
OPPOSITES = {
    cst.LessThan: cst.GreaterThan, cst.LessThanEqual: cst.GreaterThanEqual,
    cst.GreaterThan: cst.LessThan, cst.GreaterThanEqual: cst.LessThanEqual,
}  # fmt: skip
PAIRS = [
    ("sum", "mean"), ("max", "min"), ("maximum", "minimum"), ("argmax", "argmin"),
    ("zeros", "ones"), ("zeros_like", "ones_like"), ("floor", "ceil"), ("True", "False"),
    ("sqrt", "square"), ("exp", "log"), ("append", "extend"),
]  # fmt: skip
NAMES = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}


@dataclass(frozen=True)
class Mutant:
    """A changed source, and the change as ``line before → line after``."""

    change: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Every mutant of a source, each different from it and from the others."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    lines = wrapper.resolve(PositionProvider)
    found: dict[str, Mutant] = {}
    collector = _Collector()
    wrapper.module.visit(collector)
    for node in collector.nodes:
        for other in _changes(node):
            changed = wrapper.module.deep_replace(node, other).code
            if changed in found or changed == source:
                continue
            number = lines[node].start.line - 1
            before, after = source.splitlines(), changed.splitlines()
            new = after[number].strip() if number < len(after) else ""
            found[changed] = Mutant(f"{before[number].strip()} → {new}", changed)
    return list(found.values())


class _Collector(cst.CSTVisitor):
    """All nodes in the order of the source, without comments' and annotations' insides."""

    def __init__(self) -> None:
        self.nodes: list[cst.CSTNode] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        self.nodes.append(node)
        return not isinstance(node, (cst.Annotation, cst.Import, cst.ImportFrom))


def _changes(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """What may stand in a node's place."""
    kind = type(node)
    if kind in OPERATORS:
        yield OPERATORS[kind]()
    if kind in OPPOSITES:
        yield OPPOSITES[kind]()
    if isinstance(node, (cst.BinaryOperation, cst.BooleanOperation)):
        yield node.left
        yield node.right
    if isinstance(node, cst.UnaryOperation):
        yield node.expression
    if isinstance(node, cst.Integer):
        yield from (cst.Integer(str(int(node.value) + 1)), _number(int(node.value) - 1))
    if isinstance(node, cst.Float):
        yield cst.Float(repr(float(node.value) * 2 or 1.0))
    if isinstance(node, cst.Name) and node.value in NAMES:
        yield cst.Name(NAMES[node.value])
    if isinstance(node, cst.AugAssign):
        yield cst.Assign([cst.AssignTarget(node.target)], node.value)
    if isinstance(node, cst.Call):
        yield from _calls(node)


def _calls(node: cst.Call) -> Iterator[cst.CSTNode]:
    """A call without one of its keywords, without the call, with its arguments swapped."""
    for argument in node.args:
        if argument.keyword is not None:
            yield node.with_changes(args=[a for a in node.args if a is not argument])
    plain = [a for a in node.args if a.keyword is None and not a.star]
    if isinstance(node.func, cst.Attribute) and not isinstance(node.func.value, cst.Name):
        yield node.func.value
    elif plain:
        yield cst.ensure_type(plain[0], cst.Arg).value
    if len(plain) == 2 == len(node.args):
        first, second = node.args
        yield node.with_changes(
            args=[first.with_changes(value=second.value), second.with_changes(value=first.value)]
        )


def _number(value: int) -> cst.BaseExpression:
    number = cst.Integer(str(abs(value)))
    return number if value >= 0 else cst.UnaryOperation(cst.Minus(), number)
