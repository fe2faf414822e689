import tomllib
from pathlib import Path

from omniroute import __version__
from omniroute.providers.outgoing import USER_AGENT


def test_there_is_one_version() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["version"] == __version__
    assert f"OmniRoute/{__version__}" == USER_AGENT
