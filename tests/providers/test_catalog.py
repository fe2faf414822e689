import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from omniroute.errors import BadCatalog
from omniroute.providers.auth import AUTH
from omniroute.providers.catalog import Family, Provider, Traits, load
from omniroute.providers.page import sources
from omniroute.providers.urls import base_url_problem, chat_url, models_url
from omniroute.providers.values import FORMATS

SHIPPED = load()
BASES = {
    "agentrouter": "https://agentrouter.org",
    "anthropic": "https://api.anthropic.com",
    "azure-openai": "https://{resource}.openai.azure.com/openai/v1",
    "bedrock": "https://bedrock-runtime.{region}.amazonaws.com/openai/v1",
    "cerebras": "https://api.cerebras.ai/v1",
    "cohere": "https://api.cohere.ai/compatibility/v1",
    "deepseek": "https://api.deepseek.com",
    "fireworks": "https://api.fireworks.ai/inference/v1",
    "gemini": "https://generativelanguage.googleapis.com",
    "gemini-openai": "https://generativelanguage.googleapis.com/v1beta/openai",
    "groq": "https://api.groq.com/openai/v1",
    "huggingface": "https://router.huggingface.co/v1",
    "litellm": "http://localhost:4000/v1",
    "llamacpp": "http://localhost:8080/v1",
    "lmstudio": "http://localhost:1234/v1",
    "minimax": "https://api.minimax.io/anthropic",
    "mistral": "https://api.mistral.ai/v1",
    "moonshot": "https://api.moonshot.ai/v1",
    "nvidia": "https://integrate.api.nvidia.com/v1",
    "ollama": "http://localhost:11434/v1",
    "openai": "https://api.openai.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "perplexity": "https://api.perplexity.ai/v1",
    "together": "https://api.together.ai/v1",
    "vertex": "https://{host}.googleapis.com/v1/projects/{project}/locations/{location}/endpoints/openapi",
    "vllm": "http://localhost:8000/v1",
    "xai": "https://api.x.ai/v1",
    "zai": "https://api.z.ai/api/paas/v4",
}

GOOD = """
id = "some"
name = "Some"
format = "openai_chat"
base_url = "https://some.example/v1"
chat_path = "/chat/completions"
models_path = "/models"
auth = "bearer"

[key]
placeholder = "sk-..."

[[models]]
id = "m"
name = "M"
"""
WIRE = """
id = "wired"
name = "Wired"
notice = "Say so."

[headers]
User-Agent = "x"
"""
ROWS = """
id = "rows"
name = "Rows"

[[rows]]
kind = "rate_limited"
statuses = [429]
"""
FAMILIES = """
id = "fams"
name = "Families"

[[families]]
match = ["big-*"]
sampling = false
"""


def put(
    folder: Path, *, data: str = GOOD, wire: str = WIRE, rows: str = ROWS, families: str = FAMILIES, name: str = "some"
) -> Path:
    files = (("data", name, data), ("wire", "wired", wire), ("failures", "rows", rows), ("families", "fams", families))
    for kind, file, content in files:
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / f"{file}.toml").write_text(content, encoding="utf-8")
    return folder


def provider(provider_id: str) -> Provider:
    found = SHIPPED.get(provider_id)
    assert found is not None
    return found


# The shipped data -----------------------------------------------------------------------


def test_the_shipped_providers() -> None:
    assert set(SHIPPED.providers) == set(BASES)
    for one in SHIPPED.all():
        assert one.kind == "native"
        assert one.prefix == one.id
        assert one.format in FORMATS
        assert one.auth in AUTH
        assert one.base_url == BASES[one.id]
        assert base_url_problem(one.base_url) is None
        assert one.website
        assert one.docs_url
        if one.local:
            assert not one.models and not one.key_required
        else:
            assert one.models or one.id == "azure-openai"  # whose names are the user's own
            assert one.key_required
            assert one.key_field is not None
            assert one.key_field.secret
            assert one.key_field.placeholder
            assert one.key_url


def test_agentrouter_is_as_its_page_says() -> None:
    one = provider("agentrouter")
    assert (one.base_url, one.format, one.auth, one.wire) == (
        "https://agentrouter.org",
        "anthropic_messages",
        "bearer",
        "claude_code",
    )
    assert chat_url(one, "m") == "https://agentrouter.org/v1/messages?beta=true"
    assert models_url(one) == "https://agentrouter.org/v1/models"
    assert [model.id for model in one.models] == ["claude-opus-4-6", "claude-haiku-4-5-20251001", "glm-5.1", "deepseek-v3.2"]
    assert not one.cc
    for model in one.models:
        assert model.input_price is None
        assert model.context_window is None


def test_ollama_is_local_and_takes_no_key() -> None:
    one = provider("ollama")
    assert one.local
    assert one.key_field is None
    assert not one.key_required
    assert chat_url(one, "m") == "http://localhost:11434/v1/chat/completions"


@pytest.mark.parametrize(
    ("provider_id", "chat", "models"),
    [
        ("anthropic", "https://api.anthropic.com/v1/messages", "https://api.anthropic.com/v1/models"),
        ("minimax", "https://api.minimax.io/anthropic/v1/messages", "https://api.minimax.io/anthropic/v1/models"),
        ("perplexity", "https://api.perplexity.ai/v1/responses", "https://api.perplexity.ai/v1/models"),
        (
            "gemini",
            "https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
            "https://generativelanguage.googleapis.com/v1beta/models?pageSize=1000",
        ),
    ],
)
def test_addresses_of_the_shipped_providers(provider_id: str, chat: str, models: str) -> None:
    assert chat_url(provider(provider_id), "m") == chat
    assert models_url(provider(provider_id)) == models


def test_addresses_of_all_that_speak_chat_completions() -> None:
    for one in SHIPPED.all():
        if one.format == "openai_chat":
            assert chat_url(one, "m") == f"{one.base_url}/chat/completions"
            assert models_url(one) == f"{one.base_url}/models"


def test_every_file_tells_source_and_date() -> None:
    folder = Path(load.__code__.co_filename).parent
    for path in folder.glob("*/*.toml"):
        head = path.read_text(encoding="utf-8").partition("\n\n")[0]
        assert all(line.startswith("#") for line in head.splitlines()), path.name
        dates = re.findall(r"read (\d{4}-\d\d-\d\d)", head, re.IGNORECASE)
        assert dates, path.name
        assert all(date.fromisoformat(each) >= date(2026, 11, 1) for each in dates), path.name
        assert re.search(r"[a-z0-9-]+\.[a-z]{2,}|genai-prices|litellm|pi-ai|wiki", head), path.name


def test_what_a_file_claims_has_its_kind_of_source() -> None:
    """Prices and limits in a file are spoken of in its sources, and so are free tiers."""
    told = sources()
    for one in SHIPPED.all():
        head = told[one.id].lower()
        if any(model.input_price is not None for model in one.models):
            assert "price" in head, one.id
        if any(model.context_window for model in one.models):
            assert "window" in head, one.id
        if any(model.max_output for model in one.models):
            assert "output" in head, one.id
        if one.endpoints:
            assert "endpoints" in head or "embeddings" in head, one.id
        if one.fields:
            assert "address" in head or "base url" in head, one.id


def test_prices_are_exact_and_consistent() -> None:
    model = provider("anthropic").model("claude-haiku-5-5")
    assert model is not None
    assert model.input_price == Decimal("0.1")
    for one in SHIPPED.all():
        for listed in one.models:
            assert (listed.input_price is None) is (listed.output_price is None), listed.id
            if listed.cache_read_price is not None and listed.input_price is not None:
                assert listed.cache_read_price <= listed.input_price, listed.id
            assert listed.free is (listed.input_price == 0), listed.id


def test_claude_code_profile_is_the_published_table() -> None:
    profile = SHIPPED.wires["claude_code"]
    assert profile.headers == (
        ("User-Agent", "claude-cli/2.1.158 (external, sdk-cli)"),
        ("anthropic-version", "2023-06-01"),
        (
            "anthropic-beta",
            "claude-code-20250219,interleaved-thinking-2025-05-14,effort-2025-11-24,redact-thinking-2026-02-12",
        ),
        ("anthropic-dangerous-direct-browser-access", "true"),
        ("x-app", "cli"),
        ("X-Stainless-Lang", "js"),
        ("X-Stainless-Package-Version", "0.94.0"),
        ("X-Stainless-OS", "MacOS"),
        ("X-Stainless-Arch", "arm64"),
        ("X-Stainless-Runtime", "node"),
        ("X-Stainless-Runtime-Version", "v24.3.0"),
        ("X-Stainless-Retry-Count", "0"),
        ("X-Stainless-Timeout", "{timeout}"),
    )
    assert "sends Claude Code's client headers" in profile.notice
    assert "only where the relay's terms admit your client" in profile.notice
    assert "redact-thinking" in profile.notice
    assert "blank" in profile.notice


def test_the_catalogue_can_not_be_changed() -> None:
    with pytest.raises(TypeError):
        SHIPPED.providers["x"] = provider("openai")  # type: ignore[index]


# Reading ---------------------------------------------------------------------------------


def test_a_good_folder(tmp_path: Path) -> None:
    data = GOOD.replace('auth = "bearer"', 'auth = "bearer"\nwire = "wired"\nfailures = ["rows"]\nprefix = "so"\naliases = ["s"]')
    data = data.replace('prefix = "so"', 'prefix = "so"\nfamilies = ["fams"]\nmid_system = true')
    data += "context_window = 1_000\ninput_price = 0.10\nmax_output = 10\nthinking = 'budget'\n"
    data += "\n[custom_headers]\nX-Title = 'OmniRoute'\n"
    data += "\n[[fields]]\nname = 'region'\nlabel = 'Region'\n"
    one = load(put(tmp_path, data=data)).get("some")
    assert one is not None
    assert one.wire == "wired"
    assert [row.kind for row in one.failures] == ["rate_limited"]
    assert (one.prefix, one.aliases) == ("so", ("s",))
    assert one.custom_headers == (("X-Title", "OmniRoute"),)
    assert one.models[0].input_price == Decimal("0.10")
    assert one.models[0].traits == Traits(max_output=10, thinking="budget")
    assert one.models[0].max_output == 10
    assert one.traits == Traits(mid_system=True)
    assert one.families == (Family(("big-*",), Traits(sampling=False)),)
    assert one.fields[0].name == "region"
    assert one.key_field is not None
    assert (one.key_field.name, one.key_field.label, one.key_required) == ("api_key", "API key", True)


def test_a_key_may_be_optional(tmp_path: Path) -> None:
    one = load(put(tmp_path, data=GOOD.replace("[key]", "[key]\nrequired = false"))).get("some")
    assert one is not None
    assert one.key_field is not None
    assert not one.key_required


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name = "Some"', 'nmae = "Some"'), "data/some.toml: nmae is not known (did you mean 'name'?); allowed: aliases, auth,"),
        (('name = "Some"\n', ""), "data/some.toml: name is missing"),
        (('name = "Some"', "name = 7"), "data/some.toml: name must be a text of one line, not 7"),
        (('name = "Some"', 'name = ""'), "data/some.toml: name must be a text of one line, not ''"),
        (('id = "some"', 'id = "other"'), "data/some.toml: id must be 'some', like the file"),
        (('id = "some"', 'id = "So me"'), "data/some.toml: id must be of a-z, 0-9"),
        (
            ('format = "openai_chat"', 'format = "soap"'),
            "format must be one of anthropic_messages, gemini, openai_chat, openai_responses",
        ),
        (
            ('auth = "bearer"', 'auth = "basic"'),
            "auth must be one of bearer, none, query, x-api-key, x-goog-api-key, not 'basic'",
        ),
        (('auth = "bearer"', 'auth = "bearer"\nwire = "wierd"'), "wire must be one of wired, not 'wierd'"),
        (('auth = "bearer"', 'auth = "bearer"\nfailures = ["nope"]'), "failures[0] must be one of rows, not 'nope'"),
        (('auth = "bearer"', 'auth = "bearer"\nfailures = "rows"'), "failures must be a list, not 'rows'"),
        (('auth = "bearer"', 'auth = "bearer"\nquirks = ["odd"]'), "quirks[0] must be left out: there are none yet, not 'odd'"),
        (('auth = "bearer"', 'auth = "bearer"\naliases = ["s", "s"]'), "aliases[1] repeats 's'"),
        (('auth = "bearer"', 'auth = "bearer"\naliases = ["auto"]'), "the name 'auto' is taken by a reserved word"),
        (('auth = "bearer"', 'auth = "bearer"\nprefix = "combo"'), "the name 'combo' is taken by a reserved word"),
        (('auth = "bearer"', 'auth = "bearer"\nprefix = "anthropic-compatible-x"'), "begins like the id of a node"),
        (('auth = "bearer"', 'auth = "bearer"\nlocal = "yes"'), "local must be true or false, not 'yes'"),
        (('auth = "bearer"', 'auth = "bearer"\nwebsite = "some.example"'), "website must be a http or https address"),
        (('auth = "bearer"', 'auth = "bearer"\nnotes = 1'), "notes must be a text, not 1"),
        (('auth = "bearer"', 'auth = "none"'), "key must be left out with auth = 'none'"),
        (('[key]\nplaceholder = "sk-..."\n', ""), "key must be given unless auth = 'none'"),
        (('base_url = "https://some.example/v1"', 'base_url = "ftp://some.example"'), "base_url: It must begin with https://"),
        (('base_url = "https://some.example/v1"', 'base_url = "https://u:p@some.example"'), "base_url: User name and password"),
        (('chat_path = "/chat/completions"', 'chat_path = "chat"'), "chat_path: It must begin with one slash"),
        (('id = "m"', 'id = "m"\ncontext_window = "big"'), "models[0].context_window must be a whole number above 0, not 'big'"),
        (('id = "m"', 'id = "m"\ncontext_window = 0'), "models[0].context_window must be a whole number above 0, not 0"),
        (('id = "m"', 'id = "m"\ncontext_window = true'), "models[0].context_window must be a whole number above 0, not True"),
        (('id = "m"', 'id = "m"\ninput_price = -1'), "models[0].input_price must be an amount of 0 or more, not -1"),
        (('id = "m"', 'id = "m"\ninput_price = nan'), "models[0].input_price must be an amount of 0 or more"),
        (('id = "m"', 'id = "m"\ninput_price = "1"'), "models[0].input_price must be an amount of 0 or more, not '1'"),
        (
            ('id = "m"', 'id = "m"\nmodalities = ["smell"]'),
            "models[0].modalities[0] must be one of audio, file, image, text, video",
        ),
        (('id = "m"', 'id = "m"\nthinking = "deep"'), "models[0].thinking must be one of adaptive, budget, level, not 'deep'"),
        (('id = "m"', 'id = "m"\nsampling = "no"'), "models[0].sampling must be true or false, not 'no'"),
        (('id = "m"', 'id = "m"\nlongest_user = 0'), "models[0].longest_user must be a whole number above 0, not 0"),
        (
            ('auth = "bearer"', 'auth = "bearer"\nmax_tokens_name = "max"'),
            "max_tokens_name must be one of max_completion_tokens, max_tokens, not 'max'",
        ),
        (('auth = "bearer"', 'auth = "bearer"\ncache_mark = true'), "cache_mark is not known (did you mean 'cache_marks'?)"),
        (('auth = "bearer"', 'auth = "bearer"\nfamilies = ["fam"]'), "families[0] must be one of fams, not 'fam'"),
        (('id = "m"', 'id = "m"\nprice = 1'), "data/some.toml: models[0].price is not known"),
        (('name = "M"', 'name = "M"\n[[models]]\nid = "m"\nname = "M2"'), "data/some.toml: models[1] repeats 'm'"),
        (("[[models]]", "[models]"), "models must be a list of tables"),
        (("[key]", "[key]\nsecret = false"), "data/some.toml: key.secret is not known"),
        (('[key]\nplaceholder = "sk-..."', 'key = "sk"'), "key must be a table"),
        (('name = "Some"', 'name = "Some"\nname = "Twice"'), "data/some.toml: not readable as TOML"),
        (('name = "Some"', "name = "), "data/some.toml: not readable as TOML"),
        (
            ("[[models]]", '[endpoints]\nembedding = "/x"\n[[models]]'),
            "endpoints.embedding is not known (did you mean 'embeddings'?)",
        ),
        (("[[models]]", '[endpoints]\nrerank = "x"\n[[models]]'), "endpoints.rerank: It must begin with one slash"),
        (("[[models]]", '[custom_headers]\nHost = "x"\n[[models]]'), "custom_headers: Host is set by the gateway alone"),
        (("[[models]]", '[custom_headers]\nX = "{key}"\n[[models]]'), "custom_headers.X: the only value filled in is {timeout}"),
        (("[[models]]", "[custom_headers]\nX = 1\n[[models]]"), "custom_headers.X must be a text of one line"),
        (
            ("[[models]]", '[[fields]]\nname = "a"\nlabel = "A"\n[[fields]]\nname = "a"\nlabel = "B"\n[[models]]'),
            "fields[1] repeats 'a'",
        ),
        (
            ("[[models]]", '[[fields]]\nname = "a"\nlabel = "A"\nfills = "port"\n[[models]]'),
            "fields[0].fills must be one of address, label, segment, not 'port'",
        ),
        (
            ("[[models]]", '[[fields]]\nname = "a"\nlabel = "A"\nfills = "label"\nrequired = true\n[[models]]'),
            "base_url: there is no {a} for the field to fill as a label",
        ),
        (
            ('base_url = "https://some.example/v1"', 'base_url = "https://{a}.example/v1"'),
            "base_url: no field fills {a} as a label",
        ),
    ],
)
def test_a_bad_provider_file(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    old, new = change
    assert old in GOOD
    with pytest.raises(BadCatalog) as caught:
        load(put(tmp_path, data=GOOD.replace(old, new)))
    assert message in str(caught.value)
    assert "data/some.toml" in str(caught.value)


def test_endpoints_are_listed_or_taken_for_granted(tmp_path: Path) -> None:
    table = '[endpoints]\nembeddings = "/embed"\n[[models]]'
    assert load(put(tmp_path)).providers["some"].endpoints is None
    listed = load(put(tmp_path, data=GOOD.replace("[[models]]", table))).providers["some"]
    assert listed.endpoints == (("embeddings", "/embed"),)
    none = load(put(tmp_path, data=GOOD.replace("[[models]]", "[endpoints]\n[[models]]"))).providers["some"]
    assert none.endpoints == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name = "Wired"', 'label = "Wired"'), "wire/wired.toml: label is not known"),
        (('notice = "Say so."\n', ""), "wire/wired.toml: notice is missing"),
        (('User-Agent = "x"', 'User-Agent = "x"\nuser-agent = "y"'), "wire/wired.toml: headers: user-agent is given twice"),
        (('User-Agent = "x"', 'Content-Length = "1"'), "Content-Length is set by the gateway alone"),
        (('User-Agent = "x"', 'User-Agent = "a\\r\\nb"'), "headers.User-Agent must be a text of one line"),
        (('User-Agent = "x"', '"User Agent" = "x"'), "'User Agent' is not a header name"),
        (('User-Agent = "x"', 'User-Agent = "{version}"'), "the only value filled in is {timeout}"),
    ],
)
def test_a_bad_wire_file(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(BadCatalog) as caught:
        load(put(tmp_path, wire=WIRE.replace(*change)))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('kind = "rate_limited"', 'kind = "tired"'), "rows[0].kind must be one of account_banned, bad_request"),
        (("statuses = [429]", "statuses = [99]"), "rows[0].statuses[0] must be an HTTP status from 200 to 599, not 99"),
        (("statuses = [429]", ""), "rows[0].kind: the row asks for nothing"),
        (("statuses = [429]", 'texts = ["Slow Down"]'), "rows[0].texts[0] must be in lower case"),
        (("statuses = [429]", "statuses = [429]\nwhen = true"), "failures/rows.toml: rows[0].when is not known"),
        (("statuses = [429]", 'statuses = [429]\nsucceeded = "no"'), "rows[0].succeeded must be true or false"),
    ],
)
def test_a_bad_failure_file(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(BadCatalog) as caught:
        load(put(tmp_path, rows=ROWS.replace(*change)))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('match = ["big-*"]\n', ""), "families/fams.toml: families[0].match is missing"),
        (('match = ["big-*"]', "match = []"), "families[0].match: the family covers nothing"),
        (('match = ["big-*"]', 'match = ["Big-*"]'), "families[0].match[0] must be in lower case"),
        (('match = ["big-*"]', 'match = ["big-*", "big-*"]'), "families[0].match[1] repeats 'big-*'"),
        (('match = ["big-*"]', 'match = "big-*"'), "families[0].match must be a list, not 'big-*'"),
        (("sampling = false", ""), "families[0].match: the family says nothing"),
        (("sampling = false", "sample = false"), "families[0].sample is not known (did you mean 'sampling'?)"),
        (("sampling = false", "sampling = 0"), "families[0].sampling must be true or false, not 0"),
        (('name = "Families"\n', ""), "families/fams.toml: name is missing"),
        (('id = "fams"', 'id = "other"'), "families/fams.toml: id must be 'fams', like the file"),
    ],
)
def test_a_bad_family_file(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert change[0] in FAMILIES
    with pytest.raises(BadCatalog) as caught:
        load(put(tmp_path, families=FAMILIES.replace(*change)))
    assert message in str(caught.value)
    assert "families/fams.toml" in str(caught.value)


def test_a_name_has_one_owner(tmp_path: Path) -> None:
    put(tmp_path, data=GOOD.replace('auth = "bearer"', 'auth = "bearer"\naliases = ["shared"]'))
    put(tmp_path, data=GOOD.replace('id = "some"', 'id = "third"\nprefix = "shared"'), name="third")
    with pytest.raises(BadCatalog, match=r"data/third\.toml: the name 'shared' is taken by data/some\.toml"):
        load(tmp_path)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(BadCatalog, match="no provider file"):
        load(tmp_path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "data" / "raw.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadCatalog, match=r"data/raw.toml: not readable as TOML"):
        load(tmp_path)


def test_a_file_that_can_not_be_opened(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "data" / "gone.toml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BadCatalog, match=r"data/gone.toml: No such file"):
        load(tmp_path)


def test_limits_are_per_model_only_where_the_provider_says_so() -> None:
    """A 429 of the others stops the whole connection."""
    shipped = SHIPPED
    said = {provider.id for provider in shipped.all() if provider.limits_per_model}
    assert {"anthropic", "openai", "gemini", "gemini-openai", "groq", "xai", "bedrock", "azure-openai", "cerebras"} <= said
    assert said.isdisjoint({"agentrouter", "mistral", "openrouter", "deepseek", "ollama"})
