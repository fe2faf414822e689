"""What becomes of each feature on the way from each client format to each upstream format: looked at, not believed.

    python -m tests.formats.conformance > docs/conformance.md      (make docs)

`asks*.py` hold the smallest request that uses a feature, per client format; `answers.py` the same for answers, per upstream
format. `observe.py` sends them through the formats and says what happened, in the words of `omniroute/formats/carried.toml`;
`test_conformance.py` holds that table, and the page, against it.
"""
