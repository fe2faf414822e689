"""Every action that the program records has words, and is of one kind of thing."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from omniroute.dashboard import audit_words
from omniroute.security.audit import ACTORS, KINDS

ROOT = Path(__file__).parents[2] / "omniroute"


def recorded() -> dict[str, str]:
    """Every action that is written by `record` of security/audit.py, and a file that does it."""
    trees = {path: ast.parse(path.read_text()) for path in sorted(ROOT.rglob("*.py"))}
    found: dict[str, str] = {}
    for path, tree in trees.items():
        for call in calls(tree, "record"):
            if len(call.args) >= 5 and "security.audit" in path.read_text():
                actions = [*spelt(call.args[3], tree, [*trees.values()])]
                assert actions or isinstance(call.args[3], ast.Name), (
                    f"{path}: {ast.unparse(call)}: no action can be read; write it out as a text"
                )
                found |= dict.fromkeys(actions, str(path))
    return found


def calls(tree: ast.Module, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == name:
            yield node


def spelt(node: ast.expr, tree: ast.Module, trees: list[ast.Module]) -> Iterator[str]:
    """The texts that an expression may be: of a variable those that it is set to, of an argument those that callers give."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from spelt(node.body, tree, trees)
        yield from spelt(node.orelse, tree, trees)
    elif isinstance(node, ast.Name):
        for each in ast.walk(tree):
            if isinstance(each, ast.Assign) and any(isinstance(to, ast.Name) and to.id == node.id for to in each.targets):
                yield from spelt(each.value, tree, trees)
            elif isinstance(each, ast.FunctionDef) and node.id in (
                names := [arg.arg for arg in each.args.args if arg.arg != "self"]
            ):
                for other in trees:
                    for call in calls(other, each.name):
                        given = {**dict(zip(names, call.args, strict=False)), **{one.arg: one.value for one in call.keywords}}
                        yield from spelt(given[node.id], other, trees) if node.id in given else ()


def test_every_action_has_words() -> None:
    actions = recorded()
    assert len(actions) >= 35
    assert actions.keys() <= audit_words.WORDS.keys(), f"without words: {actions.keys() - audit_words.WORDS.keys()}"
    assert audit_words.SWITCHED.keys() <= actions.keys()


def test_every_action_is_of_one_kind() -> None:
    for action, path in recorded().items():
        kinds = [kind for kind, begins in KINDS.items() if action.startswith(begins)]
        assert len(kinds) == 1, f"{action} of {path} is of {kinds}"
    assert KINDS.keys() == audit_words.KINDS.keys()
    assert set(ACTORS) == audit_words.ACTORS.keys()
