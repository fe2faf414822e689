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
    found: dict[str, str] = {}
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text()
        if "from omniroute.security.audit import" not in text:
            continue
        tree = ast.parse(text)
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "record" and len(call.args) >= 5:
                actions = [*spelt(call.args[3], tree)]
                assert actions, f"{path}: {ast.unparse(call)}: no action can be read; write it out as a text"
                found |= dict.fromkeys(actions, str(path))
    return found


def spelt(node: ast.expr, tree: ast.Module) -> Iterator[str]:
    """The texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from spelt(node.body, tree)
        yield from spelt(node.orelse, tree)
    elif isinstance(node, ast.Name):
        for each in ast.walk(tree):
            if isinstance(each, ast.Assign) and any(isinstance(to, ast.Name) and to.id == node.id for to in each.targets):
                yield from spelt(each.value, tree)


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
