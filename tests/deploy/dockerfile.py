"""The Dockerfile as data, and the image that it describes as a folder: no daemon is needed to try what it says."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.processes import ROOT, Server, environment

DAC_READ_SEARCH = 1 << 2  # capabilities(7)


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """Instructions in order, as (name, rest of the line)."""

    lines: tuple[tuple[str, str], ...]

    @classmethod
    def read(cls, path: Path = ROOT / "Dockerfile") -> Dockerfile:
        kept = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
        joined = re.sub(r"\\\n", " ", "\n".join(kept))
        return cls(tuple((name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)))

    @property
    def final(self) -> Dockerfile:
        """The last stage, from its FROM on."""
        last = max(at for at, (name, _) in enumerate(self.lines) if name == "FROM")
        return Dockerfile(self.lines[last:])

    def all(self, name: str) -> list[str]:
        return [rest for each, rest in self.lines if each == name]

    def one(self, name: str) -> str:
        found = self.all(name)
        assert len(found) == 1, f"{len(found)} times {name}"
        return found[0]

    @property
    def env(self) -> dict[str, str]:
        pairs = [part.partition("=") for rest in self.all("ENV") for part in shlex.split(rest)]
        return {name: value for name, _, value in pairs}

    @property
    def command(self) -> list[str]:
        found: list[str] = json.loads(self.one("CMD"))
        return found

    @property
    def healthcheck(self) -> list[str]:
        found: list[str] = json.loads(self.one("HEALTHCHECK").partition(" CMD ")[2])
        return found

    @property
    def user(self) -> tuple[int, int]:
        uid, gid = self.one("USER").split(":")
        return int(uid), int(gid)

    def copies(self) -> list[tuple[list[str], str]]:
        """What is copied from the project, and where to."""
        parts = [rest.split() for rest in self.all("COPY") if not rest.startswith("--from")]
        return [(sources, target) for *sources, target in parts]


def admitted(name: str, ignore: Path = ROOT / ".dockerignore") -> bool:
    """Whether the build is given this path, as Docker reads the file: the last line that matches decides."""
    given = True
    for line in ignore.read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keeps, pattern = pattern.startswith("!"), pattern.removeprefix("!").removeprefix("**/")
        parts = name.split("/")
        tried = parts if line.startswith("**/") else ["/".join(parts[: at + 1]) for at in range(len(parts))]
        if any(fnmatch.fnmatchcase(each, pattern) for each in tried):
            given = keeps
    return given


class Image:
    """`folder` is laid out as `/app` in the image: what is copied belongs to somebody else, `data` to the image's user."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder, self.python = folder, python
        self.file = Dockerfile.read().final
        self.as_root = os.geteuid() == 0
        for sources, target in self.file.copies():
            for source in sources:
                self._copy(source, folder / target / ("" if target == "./" else "."))
        subprocess.run([python / "python3", "-m", "compileall", "-q", folder], check=True, timeout=120)  # as its RUN does
        self.data = folder / "data"
        self.empty()

    def empty(self) -> None:
        """A new volume."""
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(mode=0o700)
        if self.as_root:
            os.chown(self.data, *self.file.user)

    def _copy(self, source: str, target: Path) -> None:
        if (ROOT / source).is_file():
            shutil.copy(ROOT / source, target)
            return

        def left_out(folder: str, names: list[str]) -> set[str]:
            inside = Path(folder).relative_to(ROOT)
            return {name for name in names if not admitted((inside / name).as_posix())}

        shutil.copytree(ROOT / source, target, ignore=left_out)

    @property
    def uid(self) -> int:
        return self.file.user[0] if self.as_root else os.geteuid()

    def environment(self, port: int, more: Mapping[str, str]) -> dict[str, str]:
        """The image's own, but for where Python, the data and the port are; nothing of this project is on the path."""
        inside = self.file.env | {"DATA_DIR": str(self.data), "PORT": str(port), "HOME": str(self.data), "PYTHONPATH": ""}
        inside["PATH"] = inside["PATH"].replace("/opt/venv/bin", str(self.python)).replace("$PATH", os.environ["PATH"])
        return inside | dict(more)

    def start(self, port: int, log: Path, **more: str) -> Server:
        """What a container runs, as its user; it is ready when this returns."""
        env, url = self.environment(port, more), f"http://127.0.0.1:{port}"
        command = [*self.as_user(), *self.file.command]
        return Server("the image's command", command, log, url, env, cwd=self.folder).wait_until_up("/readyz", 60)

    def healthy(self, port: int) -> bool:
        """What the image's health check says."""
        env = environment(self.environment(port, {}))
        command = [*self.as_user(), *self.file.healthcheck]
        return subprocess.run(command, cwd=self.folder, env=env, capture_output=True, timeout=60).returncode == 0

    def as_user(self) -> Sequence[str]:
        """Without root's rights. Where Python itself lies in a folder of root's alone, it may still be read."""
        if not self.as_root:
            return []
        uid, gid = self.file.user
        status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
        reading = int(status["CapEff"], 16) & DAC_READ_SEARCH
        caps = ["--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search"] if reading else []
        return ["setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", *caps, "--no-new-privs"]
