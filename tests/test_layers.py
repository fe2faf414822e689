"""The layers of docs/architecture.md, held by reading every import in the tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PURE = ("flask", "sqlalchemy", "requests", "urllib3", "gevent", "flask_sqlalchemy")

# From the bottom up. A package may import those below it, and its own.
ORDER = (
    (
        "errors",
        "clock",
        "secrets_file",
        "shared_names",
        "settings",
        "address_guard",
        "lines",
        "http",
        "file_lock",
        "sending",
        "threads",
    ),
    ("formats",),
    ("providers",),
    ("limits", "prices"),
    ("routing",),
    ("models",),
    ("security",),
    ("given",),
    ("state",),
    ("usage", "connections", "combos", "keys", "accounts", "preferences", "responses", "logs", "observe"),
    ("relay", "backup"),
    ("services",),
    ("edge", "jobs", "about"),
    ("api", "manage", "dashboard", "cli"),
    ("__main__",),
)
LEVEL = {name: level for level, names in enumerate(ORDER) for name in names}

# Beyond the order: what a package never imports, and why stands in docs/architecture.md.
NEVER = {
    "formats": PURE,
    "providers": PURE,
    "limits": PURE,
    "prices": PURE,
    "routing": PURE,
    "models": ("flask", "requests", "urllib3"),
    "security": ("flask", "requests", "urllib3"),
    "state": ("flask", "requests", "urllib3"),
    "usage": ("flask", "requests", "urllib3"),
    "observe": ("flask", "requests", "urllib3", "sqlalchemy"),
    "connections": ("flask", "requests", "urllib3"),
    "combos": ("flask", "requests", "urllib3"),
    "keys": ("flask", "requests", "urllib3"),
    "accounts": ("flask", "requests", "urllib3"),
    "preferences": ("flask", "requests", "urllib3"),
    "responses": ("flask", "requests", "urllib3"),
    "relay": ("flask", "requests", "urllib3", "sqlalchemy"),
    "backup": ("flask", "requests", "urllib3"),
    "api": ("requests", "urllib3", "sqlalchemy", "omniroute.http", "omniroute.models"),
    "manage": ("requests", "urllib3", "sqlalchemy", "omniroute.http"),
    "dashboard": ("requests", "urllib3", "sqlalchemy", "omniroute.http"),
    "edge": ("requests", "urllib3", "sqlalchemy", "omniroute.http"),
}
# A name in the left module may be imported there and nowhere else.
OUT = ("omniroute/http.py", "omniroute/lines.py")
ONLY = {"requests": OUT, "urllib3": OUT, "flask_sqlalchemy": ("omniroute/models/db.py",)}

FILES = sorted((ROOT / "omniroute").rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that the file imports at run time, dotted."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


def package(path: Path) -> str:
    return path.relative_to(ROOT / "omniroute").parts[0].removesuffix(".py")


def within(name: str, banned: str) -> bool:
    return name == banned or name.startswith(banned + ".")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_downwards(path: Path) -> None:
    own = package(path)
    if own == "__init__":
        return
    for name in imports(path):
        if not name.startswith("omniroute."):
            continue
        other = name.split(".")[1]
        if other in LEVEL and other != own:
            assert LEVEL[other] < LEVEL[own] or (LEVEL[other] == LEVEL[own] == 0), (
                f"{path.name} imports {name} from above or beside"
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_banned_imports(path: Path) -> None:
    for name in imports(path):
        for banned in NEVER.get(package(path), ()):
            assert not within(name, banned), f"{package(path)} must not import {banned}"
        for only, where in ONLY.items():
            if within(name, only):
                assert str(path.relative_to(ROOT)) in where, f"{only} is imported outside {where}"


def test_every_package_has_a_level() -> None:
    assert {package(path) for path in FILES} - {"__init__"} <= LEVEL.keys()


def test_one_format_never_imports_another() -> None:
    formats = [folder.name for folder in (ROOT / "omniroute" / "formats").iterdir() if (folder / "__init__.py").exists()]
    assert len(formats) >= 2
    for own in formats:
        for path in (ROOT / "omniroute" / "formats" / own).rglob("*.py"):
            for name in imports(path):
                for other in formats:
                    assert other == own or not within(name, f"omniroute.formats.{other}"), f"{own} imports {other}"


def test_only_settings_read_the_environment() -> None:
    for path in FILES:
        if path.name == "settings.py" and package(path) == "settings":
            continue
        names = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert not names & {"os.environ", "os.getenv"}, f"{path} reads the environment"


def test_app_is_small_enough_to_read() -> None:
    assert len((ROOT / "app.py").read_text().splitlines()) <= 150
