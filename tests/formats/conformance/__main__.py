from __future__ import annotations

import sys

from tests.formats.conformance.page import page

sys.stdout.write(page())
