from __future__ import annotations

from tests.edge.conftest import ORIGIN, PASSWORD, House


def test_the_status_tells_where_one_stands(house: House) -> None:
    client = house.client
    assert client.get("/api/auth/status").get_json() == {"authenticated": False, "setupRequired": True}
    house.browser()
    assert client.get("/api/auth/status").get_json() == {"authenticated": False, "setupRequired": False}
    assert client.post("/api/auth/login", json={"password": PASSWORD}).get_json() == {"success": True}
    assert client.get("/api/auth/status").get_json() == {"authenticated": True, "setupRequired": False}
    assert client.get("/api/keys").status_code == 200
    assert client.post("/api/auth/logout", headers=ORIGIN).status_code == 204
    assert client.get("/api/keys").status_code == 401


def test_a_wrong_password_is_refused_and_then_slowed_down(house: House) -> None:
    house.browser()
    answers = [house.client.post("/api/auth/login", json={"password": f"wrong password {number}"}) for number in range(8)]
    assert answers[0].status_code == 401
    assert answers[0].get_json()["error"]["code"] == "wrong_password"
    assert "Set-Cookie" not in answers[0].headers
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_the_login_wants_a_password(house: House) -> None:
    for body in ({}, {"password": ""}, {"password": 5}, {"password": "x", "user": "admin"}):
        assert house.client.post("/api/auth/login", json=body).status_code == 400
