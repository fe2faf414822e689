from __future__ import annotations

from tests.manage.conftest import NODE, Api


def test_changes_are_told_in_the_words_of_the_api(api: Api) -> None:
    node = api("POST", "/api/provider-nodes", NODE)[1]["node"]["id"]
    api.house.clock.move(1)
    api("PUT", f"/api/provider-nodes/{node}", {"baseUrl": "https://other.example.com"})
    told = api("GET", f"/api/audit?subject=node:{node}")[1]
    assert [entry["action"] for entry in told["entries"]] == ["node.update", "node.create"]
    newest = told["entries"][0]
    assert (newest["before"], newest["after"]) == (
        {"baseUrl": "https://relay.example.com"},
        {"baseUrl": "https://other.example.com"},
    )
    assert (newest["actorKind"], newest["actorName"]) == ("key", "relay manage")
    assert newest["at"].endswith("Z") and told["next"] is None


def test_it_is_paged(api: Api) -> None:
    for number in range(3):
        api.house.clock.move(1)
        api("POST", "/api/keys", {"name": f"k{number}"})
    first = api("GET", "/api/audit?action=key&limit=2")[1]
    second = api("GET", f"/api/audit?action=key&limit=2&before={first['next']}")[1]
    names = [entry["after"]["name"] for entry in first["entries"] + second["entries"]]
    assert names == ["k2", "k1", "k0", "relay manage"]
