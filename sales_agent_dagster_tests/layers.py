"""The import rules of the package, checked on its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "sales_agent_dagster"
TESTS = "sales_agent_dagster_tests"
RANKS = {
    "domain": 0,
    "settings": 1,
    "matching": 2,
    "inference": 2,
    "enrichment": 2,
    "crm": 2,
    "warehouse": 2,
    "agents": 3,
    "stages": 4,
    "evaluation": 4,
    "defs": 5,
    "service": 5,
    "definitions": 6,
    "cli": 6,
    "__main__": 7,
}
"""Rank of each part of the package: imports point to a lower rank or stay within the part."""

DAGSTER_PARTS = frozenset({"defs", "definitions"})
MAX_LINES = 400
DOCSTRING_PHRASES = ("Belongs here", "Does not belong here")


def violations(root: Path) -> list[str]:
    """Every broken rule in the package at ``root``, one line each, in order of the files."""
    found = []
    for path in sorted(root.rglob("*.py")):
        place = path.relative_to(root)
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source, str(place))
        found += [f"{place.as_posix()}: {fault}" for fault in _faults(place, source, tree)]
    return found


def _faults(place: Path, source: str, tree: ast.Module) -> Iterator[str]:
    lines = len(source.splitlines())
    if lines > MAX_LINES:
        yield f"{lines} lines, at most {MAX_LINES} are allowed"
    if place.name == "__init__.py" and len(place.parts) == 2:
        missing = [phrase for phrase in DOCSTRING_PHRASES if phrase not in (ast.get_docstring(tree) or "")]
        yield from (f"the docstring does not say {phrase!r}" for phrase in missing)
    part = place.parts[0].removesuffix(".py")
    if part == "__init__":
        return
    if part not in RANKS:
        yield f"part {part!r} has no rank"
        return
    for name in _imported(place, tree):
        if fault := _import_fault(part, name):
            yield fault


def _import_fault(part: str, name: str) -> str | None:
    top, _, rest = name.partition(".")
    if top == TESTS:
        return f"imports the tests: {name}"
    if (top == "dagster" or top.startswith("dagster_")) and part not in DAGSTER_PARTS:
        return f"imports {name}: only {' and '.join(sorted(DAGSTER_PARTS))} may"
    if top != PACKAGE or not rest:
        return None
    target = rest.partition(".")[0]
    if target == part or RANKS.get(target, -1) < RANKS[part]:
        return None
    return f"imports {name}: {part} (rank {RANKS[part]}) must not import {target} (rank {RANKS.get(target)})"


def _imported(place: Path, tree: ast.Module) -> Iterator[str]:
    """Absolute names of everything imported anywhere in a module, also inside functions and by name."""
    package = [PACKAGE, *place.parts[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and _is_import_call(node.func):
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))


def _is_import_call(function: ast.expr) -> bool:
    return (isinstance(function, ast.Name) and function.id in ("__import__", "import_module")) or (
        isinstance(function, ast.Attribute) and function.attr == "import_module"
    )
