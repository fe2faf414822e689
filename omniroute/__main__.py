"""`python -m omniroute`."""

from __future__ import annotations

from omniroute.cli import main

main()
