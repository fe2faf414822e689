"""axe-core, as its package has it (axe-core 4.14.1 of npm, MPL-2.0, its licences beside it), run inside the page.

It is handed over the debugging protocol, so that the pages' own content policy need not allow it.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

FILE = Path(__file__).parent / "axe-core-4.14.1" / "axe.min.js"
SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
WEIGHTY = ("serious", "critical")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (only) => {
    const options = {resultTypes: ["violations"], runOnly: only};
    return (await axe.run(document, options)).violations;
}"""


@cache
def source() -> str:
    code = FILE.read_bytes()
    assert hashlib.sha256(code).hexdigest() == SHA256, f"{FILE.name} is not the file that was recorded"
    return code.decode()


def violations(page: Page, *rules: str) -> list[str]:
    """What axe finds serious or critical on the page as it stands, one line a place; only `rules` where they are given."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(source())
    only = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": RULES}
    found: list[dict[str, Any]] = page.evaluate(RUN, only)
    return [
        f"{each['id']} ({each['impact']}): {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for each in found
        if each["impact"] in WEIGHTY
        for node in each["nodes"]
    ]
