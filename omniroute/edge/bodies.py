"""What may be given for each thing that the management side keeps: read by `/api`, the dashboard's forms and openapi.json."""

from __future__ import annotations

from dataclasses import replace

from omniroute.backup.plan import MODES
from omniroute.edge.declarations import Field
from omniroute.limits.limit import WINDOW_SECONDS
from omniroute.limits.windows import PERIODS
from omniroute.providers.values import ENDPOINTS
from omniroute.routing.strategies import STRATEGIES
from omniroute.security.audit import ACTORS, KINDS
from omniroute.usage.reports import GROUPS

LOGIN = (Field("password", label="Password", required=True, secret=True, high=1024),)

# Provider nodes --------------------------------------------------------------------------

NODE_TYPES = ("openai-compatible", "anthropic-compatible")

_NODE_ADDRESS = (
    Field("type", label="Type", choices=NODE_TYPES, required=True, help="The API that the upstream speaks."),
    Field(
        "compat_mode",
        label="Compatibility mode",
        choices=("cc",),
        nullable=True,
        help="'cc' sends the headers of the Claude Code client; needs ENABLE_CC_COMPATIBLE_PROVIDER=true.",
    ),
    Field("api_type", label="API", choices=("chat", "responses"), nullable=True, help="Of an OpenAI-compatible upstream."),
    Field("base_url", label="Base URL", required=True, high=2048, help="Such as https://host or https://host/v1."),
    Field(
        "chat_path", label="Chat path", high=1024, nullable=True, help="Where messages are posted; by default what the type has."
    ),
    Field("models_path", label="Models path", high=1024, nullable=True, help="Where the models are listed."),
    Field(
        "custom_headers",
        "table",
        label="Custom headers",
        high=50,
        nullable=True,
        help="Header names and values that are added or replaced upstream; null takes one out.",
    ),
)

NODE = (
    Field("name", label="Name", required=True, high=100, help="Any label."),
    Field(
        "prefix",
        label="Prefix",
        required=True,
        high=64,
        help="What is typed before the slash of a model name, and shown in logs.",
    ),
    *_NODE_ADDRESS,
)

# The Check before saving: the same address, a key to try and, if wanted, the model to ask for.
NODE_CHECK = (
    Field("name", label="Name", high=100),
    Field("prefix", label="Prefix", high=64),
    *_NODE_ADDRESS,
    Field("api_key", label="API key", secret=True, nullable=True, high=8192, help="Tried once and kept nowhere."),
    Field("model", label="Model", nullable=True, high=300, help="The model to ask for; by default one that the upstream lists."),
)

# Quotas of connections -------------------------------------------------------------------

QUOTA = (
    Field("unit", label="Unit", choices=("requests", "tokens", "usd"), required=True),
    Field("limit", "number", label="Limit", required=True, high=1_000_000_000_000, help="In dollars for usd."),
    Field("window", label="Window", choices=tuple(WINDOW_SECONDS), required=True),
    Field("mode", label="Mode", choices=("fixed", "rolling"), default="fixed", help="fixed: all of it comes back at once."),
    Field("timezone", label="Time zone", high=64, default="UTC", help="In which days, weeks and months begin."),
    Field("resets_at", "time", label="Reset", nullable=True, help="Any one reset of a fixed window; null: by the calendar."),
)

# Connections -----------------------------------------------------------------------------

CONNECTION = (
    Field(
        "provider", label="Provider", required=True, high=100, help="The id or alias of a native provider, or the id of a node."
    ),
    Field("name", label="Name", high=100, help="Any label; made up when left out."),
    Field("api_key", label="API key", secret=True, nullable=True, high=8192, help="Kept encrypted and never shown again."),
    Field(
        "priority",
        "whole",
        label="Priority",
        low=0,
        high=1_000_000,
        help="Lower goes first; left out, a new one goes last. Those of the same priority share the requests.",
    ),
    Field(
        "max_concurrent", "whole", label="Requests at once", low=1, high=1_000_000, nullable=True, help="null: as many as come."
    ),
    Field("quota", "object", label="Quota", nullable=True, members=QUOTA, help="What it may use in a window; null: no limit."),
    Field("is_active", "flag", label="Active", default=True),
    Field(
        "fields",
        "table",
        label="Further fields",
        high=50,
        help="What this provider asks for beside the key; see /api/provider-catalog.",
    ),
)

CONNECTIONS_BULK = (
    Field("provider", label="Provider", required=True, high=100, help="As for one connection."),
    Field(
        "api_keys",
        "names",
        label="API keys",
        required=True,
        low=1,
        high=500,
        secret=True,
        help="One connection is made for each.",
    ),
)

CONNECTIONS_ORDER = (
    Field("provider", label="Provider", required=True, high=100, help="The id of a native provider or a node."),
    Field("ids", "names", label="Connections", required=True, low=1, high=1000, help="Ids, the first to be asked first."),
)

CONNECTION_TEST = (
    Field("model", label="Model", nullable=True, high=300, help="The model to ask for; by default one of the provider's."),
)

TEST_ALL = (Field("provider", label="Provider", nullable=True, high=100, help="Only the connections of this one."),)

# Models ----------------------------------------------------------------------------------

MODELS_OF = (Field("provider", required=True, high=100, help="The id of a native provider or a node."),)

MODELS_ADD = (
    Field("provider", label="Provider", required=True, high=100, help="The id of a native provider or a node."),
    Field("model_ids", "names", label="Models", required=True, low=1, high=500, help="Ids as the upstream spells them."),
)

MODEL_NAMED = (
    Field("provider", required=True, high=100, help="The id of a native provider or a node."),
    Field("model_id", required=True, high=300, help="The id as the upstream spells it."),
)

MODEL_HIDE = (
    Field("is_hidden", "flag", label="Hidden", required=True, help="Hidden models are not listed; they can still be asked for."),
)

# Prices ----------------------------------------------------------------------------------

_RATES = (
    Field("input", "usd", label="Input", nullable=True, help="USD per million tokens."),
    Field("output", "usd", label="Output", nullable=True, help="USD per million tokens."),
    Field("cache_read", "usd", label="Cached input", nullable=True, help="null: what input costs."),
    Field("cache_write", "usd", label="Written to cache", nullable=True, help="null: what input costs."),
)

_PRICE = (
    *_RATES,
    Field("request", "usd", label="Each request", nullable=True, help="USD, beside the tokens."),
    Field(
        "tiers",
        "list",
        label="Steps",
        nullable=True,
        high=10,
        members=(Field("above", "whole", required=True, low=1, help="Input tokens."), *_RATES),
        help="From more input than that on, the rates of the whole request; what is left out is as without the step.",
    ),
)

PRICE = (
    Field("provider", label="Provider", required=True, high=100, help="The id or alias of a native provider, or a node's id."),
    Field("model", label="Model", required=True, high=256, help="Its id as the upstream spells it, or a glob such as claude-*."),
    *_PRICE,
)

PRICES_PUT = (
    Field("prices", "list", label="Prices", low=1, high=5000, members=PRICE, help="Many at once, instead of the members below."),
    *(replace(field, required=False) for field in PRICE),
)

PRICE_NAMED = (
    Field("provider", required=True, high=100, help="The id of a native provider or a node."),
    Field("model", required=True, high=256, help="The name or glob under which the price was set."),
)

PRICES_OF = (Field("provider", high=100, help="Only those of this native provider or node."),)

# Combos ----------------------------------------------------------------------------------

COMBO = (
    Field("name", label="Name", required=True, high=100, help="Letters, digits, dot, dash and underscore; what clients ask for."),
    Field("strategy", label="Strategy", choices=tuple(STRATEGIES), default="priority", help="How the steps are put in order."),
    Field(
        "steps",
        "list",
        label="Steps",
        high=100,
        help='Each is "prefix/model", {"combo": name}, or {model, connectionId, weight 0-100, label, tags, enabled}.',
    ),
    Field("models", "list", label="Models", high=100, help="Another name for steps."),
    Field(
        "config",
        "object",
        label="Configuration",
        nullable=True,
        help="max_attempts, deadline_ms, retry_same, retry_delay_ms, wait_for_cooldown_ms; null is the default.",
    ),
    Field("tags", "names", label="Tags", high=10),
    Field("enabled", "flag", label="Enabled", default=True),
)

COMBO_ORDER = (
    Field("ids", "names", label="Ids", high=10_000, help="These first, in this order; the others follow as they are."),
    Field("combo_ids", "names", label="Ids", high=10_000, help="Another name for ids."),
)

COMBO_TEST = (
    Field("combo_id", label="Combo", nullable=True, high=100, help="The id of a combo."),
    Field("combo_name", label="Combo", nullable=True, high=100, help="Its name, instead of the id."),
    Field("steps", "list", label="Steps", high=100, help="Steps that are not saved yet, instead of a combo."),
)

COMBO_EXPORT = (Field("ids", high=4000, help="Ids with commas between them, for some combos only and without aliases."),)

COMBO_IMPORT = (
    Field("version", "whole", label="Version", required=True, help="1"),
    Field("combos", "list", label="Combos", high=500),
    Field("aliases", "list", label="Aliases", high=1000),
    Field("replace", "flag", label="Replace", default=False, help="Overwrite what has the same name; else it is refused."),
)

ALIASES = (
    Field(
        "aliases",
        "list",
        label="Aliases",
        required=True,
        high=1000,
        help="All of them: {pattern, model, priority}. A pattern is a name or a glob; globs go by priority, lower first.",
    ),
)

# Resilience ------------------------------------------------------------------------------

RESILIENCE = (
    Field("breaker_failures", "whole", label="Failures that open a breaker", nullable=True, low=1, high=100, default=5),
    Field("breaker_window_s", "whole", label="Seconds within which they count", nullable=True, low=1, high=3600, default=60),
    Field("breaker_first_s", "whole", label="Seconds that it is open at first", nullable=True, low=1, high=3600, default=30),
    Field("breaker_most_s", "whole", label="Seconds that it is open at most", nullable=True, low=1, high=86_400, default=300),
)

RESILIENCE_RESET = (
    Field("connection_id", label="Connection", nullable=True, high=100, help="What is held against this connection."),
    Field("provider", label="Provider", nullable=True, high=100, help="Against this provider or node and all its connections."),
    Field("model", label="Model", nullable=True, high=300, help="Only what is held against this model."),
)

# Client keys -----------------------------------------------------------------------------

SCOPES = ("relay", "manage")

KEY = (
    Field("name", label="Name", required=True, high=100, help="Whose key, or what for."),
    Field("scopes", "names", label="Scopes", choices=SCOPES, low=1, high=2, default=["relay"], help="relay: /v1; manage: /api."),
    Field("expires_at", "time", label="Expires", nullable=True, help="null: never."),
    Field(
        "allowed_models",
        "names",
        label="Models",
        high=200,
        help="Names of models, combos or aliases as they are asked for, or globs such as agentrouter/*; empty: all.",
    ),
    Field("allowed_endpoints", "names", label="Endpoints", high=50, help="Paths such as /v1/messages; empty: all."),
    Field(
        "requests_per_minute", "whole", label="Requests per minute", low=1, high=1_000_000, nullable=True, help="null: no limit."
    ),
    Field(
        "tokens_per_minute",
        "whole",
        label="Tokens per minute",
        low=1,
        high=1_000_000_000,
        nullable=True,
        help="Input and output.",
    ),
    Field("max_concurrent", "whole", label="Requests at once", low=1, high=100_000, nullable=True),
    Field(
        "no_log",
        "flag",
        label="No log",
        default=False,
        help="Its rows have tokens and cost, but neither bodies nor the client's name.",
    ),
    Field("log_bodies", "flag", label="Keep bodies", default=False, help="Keeps what is asked and answered, encrypted."),
    Field("is_active", "flag", label="Active", default=True),
)

BUDGET = (
    Field("api_key_id", label="Key", required=True, high=100, help="The id of a client key."),
    Field("period", label="Period", choices=PERIODS, required=True, help="A day, a week from Monday, or a month."),
    Field("limit_usd", "usd", label="Limit in USD", nullable=True, help="Dollars, with up to six places."),
    Field("limit_tokens", "whole", label="Limit in tokens", nullable=True, high=1_000_000_000_000, help="Instead of one in USD."),
    Field("warn_at", "number", label="Warning", low=0, high=1, default=0.8, help="The share from which on an alert is shown."),
    Field("timezone", label="Time zone", high=64, default="UTC", help="In which the period begins; such as Europe/Berlin."),
)

BUDGETS_OF = (Field("api_key_id", high=100, help="Only those of this key."),)

BUDGET_NAMED = (
    Field("id", high=100, help="The budget's id; or else apiKeyId and period."),
    Field("api_key_id", high=100),
    Field("period", choices=PERIODS),
)

# Preferences -----------------------------------------------------------------------------

LOGGING = (
    Field(
        "log_bodies",
        label="Store bodies",
        choices=("off", "on"),
        default="off",
        help="on: requests and answers of all keys are stored, encrypted; off: only those of keys that ask for it.",
    ),
    Field("log_body_kb", "whole", label="Stored of each body, in kB", low=1, high=1024, default=64),
    Field("body_days", "whole", label="Days that bodies are kept", low=1, high=3650, default=7),
    Field("log_days", "whole", label="Days that the log is kept", low=1, high=3650, default=30),
    Field(
        "rollup_days",
        "whole",
        label="Days that hourly sums are kept",
        low=4,
        high=3650,
        default=90,
        help="Never fewer than the log is kept. Daily sums stay.",
    ),
)

SETTINGS = (
    Field("theme", label="Theme", choices=("auto", "light", "dark"), default="auto"),
    Field("time_zone", label="Time zone", high=64, default="UTC", help="An IANA name such as Europe/Berlin."),
    Field(
        "require_api_key",
        label="Who needs a key",
        choices=("as started", "always"),
        default="as started",
        help="always: every request to /v1, whatever REQUIRE_API_KEY says. It can't loosen that.",
    ),
    Field(
        "allowed_hosts",
        "names",
        label="Further host names",
        high=50,
        default=[],
        help="Answered beside those of TRUSTED_HOSTS and PUBLIC_URL; .example.com covers all below it.",
    ),
    *LOGGING,
)

# Backup ----------------------------------------------------------------------------------

BACKUP_EXPORT = (
    Field("include_secrets", "flag", label="Include secrets", default=False, help="Keys and secret headers, sealed."),
    Field("password", label="Password", secret=True, nullable=True, high=1024, help="The admin's; needed for secrets."),
    Field(
        "passphrase",
        label="Passphrase",
        secret=True,
        nullable=True,
        high=1024,
        help="What the secrets are sealed under; by default the password.",
    ),
)

BACKUP_IMPORT = (
    Field("document", "object", label="Document", required=True, help="What POST /api/settings/export answered."),
    Field("passphrase", label="Passphrase", secret=True, nullable=True, high=1024, help="What its secrets are sealed under."),
    Field(
        "mode",
        label="Mode",
        choices=MODES,
        default="replace",
        help="replace: what is not in the document goes. merge: nothing goes; what has the same id is changed.",
    ),
    Field("preview", "flag", label="Preview", default=False, help="Only tell what would happen."),
)

# Queries ---------------------------------------------------------------------------------

PAGING = (
    Field("before", high=500, help="The 'next' of the page before."),
    Field("limit", "whole", low=1, high=500, default=50, help="Rows on a page."),
)

LOG_KINDS = (
    Field("since", "time", help="From this moment on."),
    Field("until", "time", help="Before this moment."),
    Field("key_id", high=100, help="Of one client key."),
    Field("model", high=300, help="A part of the model's name, as asked for or as sent."),
    Field("provider", high=100, help="The id of a native provider or a node, or its prefix."),
    Field("connection_id", high=100),
    Field("combo", high=256, help="The name of a combo."),
    Field("endpoint", high=100, help="A path such as /v1/messages."),
    Field("outcome", choices=("ok", "failed")),
    Field("status", "whole", low=100, high=599),
    Field("kind", high=64, help="A failure class, or ok.", spelled="class"),
    Field("request_id", high=64, help="Its beginning is enough."),
)
LOG_FILTERS = (*LOG_KINDS, *PAGING)

USAGE = (
    Field("since", "time", help="By default 24 hours before the end. It is moved back to a whole hour or day."),
    Field("until", "time", help="By default the end of this hour."),
    Field("group", choices=tuple(GROUPS), help="Sums for each of these as well."),
    Field("provider", high=100, help="The id of a native provider or a node, or its prefix."),
    Field("model", high=300, help="As it is sent upstream, whole."),
    Field("key_id", high=100, help="Of one client key."),
    Field("combo", high=256, help="The name of a combo."),
    Field("connection_id", high=100),
    Field("kind", high=64, help="A failure class, or ok.", spelled="class"),
    Field("endpoint", high=100, help="A path such as /v1/messages."),
)

AUDIT_KINDS = (
    Field("kind", choices=tuple(KINDS), help="Of this kind of thing."),
    Field("action", high=64, help="An action such as connection.create, or what stands before its dot."),
    Field("actor", high=110, help=f"One of {', '.join(ACTORS)}; or key:<name> for one key."),
    Field("subject", high=200, help="Such as connection:<id>."),
    Field("text", high=200, help="A part of what a row holds, or of a name that its subject has had."),
    Field("since", "time", help="From this moment on."),
    Field("until", "time", help="Before this moment."),
    Field("hide_system", "flag", default=False, help="Without what the gateway changed by itself."),
)
AUDIT_FILTERS = (*AUDIT_KINDS, *PAGING)

# Those of one kind go the same way: a conversation's format does not decide where it is sent.
ASKED_AT = ("/v1/chat/completions", "/v1/messages", "/v1/responses", *(f"/v1/{path}" for path in ENDPOINTS.values()))

RESOLVE = (
    Field("model", required=True, high=300, help="The name as a client would send it."),
    Field("key", high=100, help="The id of a client key to ask for; by default a caller without limits."),
    Field("endpoint", high=100, choices=ASKED_AT, help="Where it would be sent to; by default /v1/chat/completions."),
    Field("tags", high=1000, help="Only a combo's steps that have all of these, with commas between them."),
    Field("connection", high=300, help="Only this connection, by its id or name."),
    Field("input_tokens", "whole", low=0, high=100_000_000, default=1000, help="How long the request is."),
    Field("output_tokens", "whole", low=0, high=100_000_000, default=500, help="How long the answer is, at most."),
)

PROVIDER_FILTER = (Field("provider", high=100, help="Only those of this native provider or node."),)
