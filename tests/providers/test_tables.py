from decimal import Decimal
from pathlib import Path

import pytest

from omniroute.errors import BadCatalog
from omniroute.providers.tables import many, money, one_of, place, prose, read_file, read_table, text


def test_decimals_stay_exact(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("price = 0.1")
    assert read_file(path) == {"price": Decimal("0.1")}


def test_place_names_file_and_folder() -> None:
    assert place(Path("a/b/data/x.toml")) == "data/x.toml"


def test_unknown_key_comes_before_a_missing_one() -> None:
    with pytest.raises(BadCatalog, match=r"f: nam is not known \(did you mean 'name'\?\); allowed: id, name"):
        read_table("f: ", {"nam": "x"}, {"id": text, "name": text}, ("id", "name"))


def test_a_key_like_no_other() -> None:
    with pytest.raises(BadCatalog, match="f: zzz is not known; allowed: id"):
        read_table("f: ", {"zzz": 1}, {"id": text}, ())


def test_long_values_are_shown_short() -> None:
    with pytest.raises(BadCatalog) as caught:
        one_of("a")("f: x", "b" * 500)
    assert len(str(caught.value)) < 120


def test_prose_is_one_line() -> None:
    assert prose("f: notes", "\nTwo\n  lines.\n") == "Two lines."


@pytest.mark.parametrize("value", [True, "1", None, Decimal("-0.1"), Decimal("NaN"), Decimal("Infinity")])
def test_money_refuses(value: object) -> None:
    with pytest.raises(BadCatalog):
        money("f: price", value)


def test_many_keeps_order() -> None:
    assert many(text)("f: x", ["b", "a"]) == ("b", "a")
