"""What can be behind a failure and what to do about it: the troubleshooting list of the guides for relays, as data.

`TROUBLES` is by failure class, the names of routing/failures.py and of a verdict's diagnosis; `NAMED` holds the other names of
the same. Where a cause is mended, `ways` say by name; the dashboard turns them into links. Searched by troubleshooting.py.

Sources: OmniRoute's wiki page "Agentrouter" (its list "Troubleshooting": client, token, content-blocked, plan, web page), the
rows of routing/failures.py and providers/failures/new_api.toml with the sources named there; read 2026-11-22.
"""

from __future__ import annotations

from omniroute.routing.trouble import Cause, Trouble

_TROUBLES = (
    Trouble(
        "relay_client_rejected",
        "The relay does not admit this client",
        ("unauthorized client detected", "unauthorized_client_error", "403", "401"),
        (
            Cause(
                "It is set up as a plain OpenAI or Anthropic compatible provider",
                (
                    "Such relays look for Claude Code's headers, whatever the key. Add the relay anew as Claude Code compatible, "
                    "with the same base URL and key; for agentrouter.org choose AgentRouter from the list instead.",
                    "If that choice is missing, set ENABLE_CC_COMPATIBLE_PROVIDER=true and start the gateway again.",
                    "Then delete this one, or give it another prefix.",
                ),
                ("cc", "agentrouter"),
                "plain",
            ),
            Cause(
                "A header of the profile was changed or removed",
                (
                    "Compare what is sent with what the relay wants: your own headers are marked.",
                    "Take your own User-Agent, anthropic-beta, x-app and X-Stainless headers out, then test again.",
                ),
                ("sent", "headers"),
                "wire",
            ),
            Cause(
                "The relay wants a newer client than the profile names",
                (
                    "Ask Claude Code itself through this gateway: its own headers are sent on unchanged.",
                    "If that works, set User-Agent to its version in the custom headers.",
                ),
                ("headers",),
                "wire",
            ),
            Cause(
                "The key's plan does not cover the model",
                (
                    "Some relays say it with the same error until a key has answered once.",
                    "Look in the relay's dashboard which models your plan covers, and test with one of these.",
                ),
                ("other_model",),
            ),
            Cause(
                "The relay's terms do not admit this way of use", ("Ask its support. The profile is no way around its terms.",)
            ),
        ),
    ),
    Trouble(
        "upstream_auth_error",
        "The API key is refused",
        ("无效的令牌", "invalid token", "new_api_error", "invalid_api_key", "authentication_error", "Incorrect API key", "401"),
        (
            Cause(
                "The key is mistyped, expired or deleted there",
                ("Make a new key in the upstream's dashboard.", "Paste it here and save: it is tested at once."),
                ("key_page", "key"),
            ),
            Cause(
                "The key belongs to another service",
                (
                    "A key of one relay is of no use at another one, nor at the maker of the models.",
                    "Check that base URL and key come from the same dashboard.",
                ),
                ("base_url", "fields", "key"),
            ),
            Cause(
                "The key may not be used from here, or lacks a right",
                ("Look in the upstream's dashboard for allowed addresses, projects and rights of the key.",),
                ("key_page",),
            ),
            Cause(
                "A header of your own takes the key's place",
                ("Look for an Authorization or x-api-key header marked as yours, and remove it.",),
                ("sent", "headers"),
                "node",
            ),
        ),
    ),
    Trouble(
        "account_banned",
        "The account is closed or suspended",
        ("account_deactivated", "account_suspended", "account is suspended", "has been banned", "account has been disabled"),
        (
            Cause(
                "The upstream has closed the account",
                ("Settle it with the upstream: time alone won't mend it.", "Afterwards press Test, and it is used again."),
            ),
            Cause("You have another account", ("Add its key as a connection of its own.",), ("another_key",)),
        ),
    ),
    Trouble(
        "content_blocked",
        "The upstream's moderation refused the request",
        ("content-blocked", "agent_router_api_error", "content_filter", "sensitive_words_detected", "moderation_blocked", "400"),
        (
            Cause(
                "The key's plan does not permit the model",
                (
                    "Relays say content-blocked for this, too. Most plans cover only some of the models.",
                    "Look in the relay's dashboard which ones, and test with one of them.",
                ),
                ("other_model", "hide"),
                "wire",
            ),
            Cause(
                "The text was refused",
                ("Try another prompt, or another model.", "Providers that answer such requests can follow in a combo."),
                ("other_model", "combo"),
            ),
            Cause(
                "A harmless text is refused again and again",
                ("Ask the upstream's support, with the time and the request's id from the log.",),
                ("logs",),
            ),
        ),
    ),
    Trouble(
        "model_not_in_plan",
        "The key's plan does not cover the model",
        ("无权访问模型", "has no access to model", "unauthorized_client_error", "this model is not part of the plan", "403"),
        (
            Cause(
                "The plan covers other models",
                (
                    "The key works. Look in the upstream's dashboard which models it covers, and test with one of these.",
                    "Hide the others, so that clients are not offered them.",
                ),
                ("other_model", "hide"),
            ),
            Cause(
                "The key was made for some models only",
                ("Relays let a key have a list of models: allow the model in the key's settings there, or make another key.",),
                ("key_page", "key"),
            ),
        ),
    ),
    Trouble(
        "model_not_found",
        "The upstream has no such model",
        ("model_not_found", "model_not_available", "not_found_error", "404"),
        (
            Cause(
                "The model has another name there",
                ("Ask the upstream for its list with Discover, and take the name from it.",),
                ("models", "other_model"),
            ),
            Cause(
                "The path leads to another API",
                ("If every model is unknown, the base URL or the chat path is wrong: compare them with its documentation.",),
                ("base_url", "chat_path"),
                "node",
            ),
            Cause("The model was taken off", ("Take its successor in combos, aliases and clients.",), ("combo",)),
        ),
    ),
    Trouble(
        "quota_exhausted",
        "The credit is used up",
        (
            "额度不足",
            "余额不足",
            "额度已用尽",
            "insufficient_user_quota",
            "insufficient_quota",
            "exceeded your current quota",
            "credit balance is too low",
            "insufficient balance",
            "billing_error",
            "402",
        ),
        (
            Cause("The account has no credit left", ("Top it up there, or wait for its reset.", "Then press Test."), ("limits",)),
            Cause(
                "The key has a limit of its own",
                ("Relays and clouds let a key have a budget: raise it in its settings there, or use another key.",),
                ("key_page", "key", "another_key"),
            ),
            Cause(
                "You want requests to go on meanwhile",
                ("Add another connection, or a combo whose next step is another provider.",),
                ("another_key", "combo"),
            ),
        ),
    ),
    Trouble(
        "rate_limited",
        "The upstream limits this connection",
        ("429", "rate_limit_error", "rate_limit_exceeded", "too many requests", "请求过于频繁", "RESOURCE_EXHAUSTED"),
        (
            Cause(
                "Too many requests in a short time",
                ("The key works. Wait until the time that the upstream has named; the gateway does so by itself.",),
                ("health", "limits"),
            ),
            Cause(
                "Too many requests at the same time",
                ("Set how many requests may go through this connection at once.",),
                ("limit",),
            ),
            Cause(
                "It happens often",
                ("Add further connections, or a combo whose next step is another provider.",),
                ("another_key", "combo"),
            ),
        ),
    ),
    Trouble(
        "bad_request",
        "The upstream refused the request's body",
        ("invalid_request_error", "unsupported_parameter", "context_length_exceeded", "prompt is too long", "400", "413", "422"),
        (
            Cause(
                "The provider speaks another format",
                (
                    "Check that its type fits: Chat Completions, Responses or Anthropic Messages.",
                    "Type and API type can't be changed afterwards: add it anew with the right one.",
                ),
                ("sent",),
                "node",
            ),
            Cause(
                "This model takes no such request",
                ("A model for embeddings, images or sound can't answer a message: test with one for conversation.",),
                ("other_model",),
            ),
            Cause(
                "A parameter or the length is not allowed for the model",
                ("The upstream names it in its message. Leave it out, or choose a model that takes it.",),
                ("logs",),
            ),
        ),
    ),
    Trouble(
        "upstream_refused",
        "The upstream refused the request",
        ("403", "404", "405", "not found", "method not allowed"),
        (
            Cause(
                "The base URL or the chat path is wrong",
                ("Compare both with the provider's documentation; the whole address is shown under what is sent upstream.",),
                ("base_url", "chat_path", "sent"),
                "node",
            ),
            Cause("Its address is not complete", ("Check the fields of the connection.",), ("fields",), "native"),
            Cause(
                "Something between refuses it",
                ("A proxy or firewall may ask for a header or an address of its own. Ask who runs it.",),
                ("headers",),
            ),
        ),
    ),
    Trouble(
        "upstream_not_json",
        "A web page came back instead of an answer",
        (
            "Invalid JSON response from provider",
            "reset after",
            "Just a moment...",
            "<!DOCTYPE html>",
            "unexpected token <",
            "text/html",
        ),
        (
            Cause(
                "The relay's firewall stopped the request",
                (
                    "It wants Claude Code's headers. Add the relay anew as Claude Code compatible, or as AgentRouter.",
                    "If that choice is missing, set ENABLE_CC_COMPATIBLE_PROVIDER=true and start the gateway again.",
                ),
                ("cc", "agentrouter"),
                "plain",
            ),
            Cause(
                "The base URL is that of a website, not of its API",
                (
                    "Open the provider's documentation and copy the address for API calls, such as https://api.example.com.",
                    "Take the chat path back to its default unless the documentation says otherwise.",
                ),
                ("base_url", "chat_path"),
                "node",
            ),
            Cause(
                "The firewall holds back this server",
                (
                    "The title of the page says what it wants. If it asks to prove to be human, only the upstream's support can "
                    "let this server's address in.",
                ),
                ("sent",),
            ),
            Cause(
                "The request never reached the relay's API",
                (
                    "The provider's id must begin with anthropic-compatible-cc-, with the dash at its end; "
                    "its page shows it under Details.",
                    "Compare the headers that are sent, and take your own ones out.",
                ),
                ("sent", "headers"),
                "wire",
            ),
        ),
    ),
    Trouble(
        "upstream_redirect",
        "The upstream answered with a redirect",
        ("301", "302", "307", "308", "redirect"),
        (
            Cause(
                "The address has moved, or wants https",
                ("Redirects are never followed: they would take the key elsewhere.", "Put the final address in as base URL."),
                ("base_url", "fields"),
            ),
        ),
    ),
    Trouble(
        "address_refused",
        "The address is not allowed",
        ("ALLOW_PRIVATE_UPSTREAMS", "address is not allowed"),
        (
            Cause(
                "The upstream is in your own network, and that is not allowed here",
                (
                    "Set ALLOW_PRIVATE_UPSTREAMS to the host or network that is named, and start the gateway again.",
                    "Addresses of a cloud's own services stay refused, whatever is set.",
                ),
            ),
            Cause("The address is mistyped", ("Check the base URL.",), ("base_url", "fields")),
        ),
    ),
    Trouble(
        "network_error",
        "The upstream can't be reached",
        (
            "connection refused",
            "name or service not known",
            "certificate verify failed",
            "timed out",
            "connection reset",
            "refuses connections",
            "can't be resolved",
            "504",
        ),
        (
            Cause(
                "Refused: nothing listens there",
                (
                    "Start the server, and check host and port.",
                    "In a container localhost is the container itself: use the host's name or address, and let the server "
                    "listen on it.",
                ),
                ("base_url", "fields"),
            ),
            Cause(
                "The name is not found",
                ("Check the spelling of the host.", "Then check that this machine can look names up."),
                ("base_url", "fields"),
            ),
            Cause(
                "No TLS connection",
                (
                    "Is it https where the server speaks http, or the other way round?",
                    "A certificate of your own must be known to this machine.",
                ),
                ("base_url", "fields"),
            ),
            Cause(
                "No answer in time",
                ("A firewall may swallow the request, or the model is still being loaded. Try again in a moment.",),
            ),
            Cause("This machine is offline, or needs a proxy", ("Try the same address from this machine with curl.",)),
        ),
    ),
    Trouble(
        "upstream_unavailable",
        "The upstream has trouble of its own",
        ("500", "502", "503", "529", "overloaded_error", "bad gateway", "service unavailable", "无可用渠道", "api_error"),
        (
            Cause("It passes", ("Try again in a few minutes. Its status page tells more.",), ("health",)),
            Cause(
                "The relay has no way to this model now",
                ("无可用渠道 means that none of its own accounts serves the model: test with another model.",),
                ("other_model",),
            ),
            Cause(
                "You want requests to go on meanwhile", ("Put the model of another provider behind it in a combo.",), ("combo",)
            ),
        ),
    ),
    Trouble(
        "stream_cut",
        "The answer broke off, fell silent or was empty",
        ("stream_stalled", "upstream_empty", "broke off the stream", "sent nothing for too long", "sent an empty answer"),
        (
            Cause(
                "The upstream gave up in the middle",
                ("Repeat the request. If it happens with one model only, choose another one.",),
                ("logs", "other_model"),
            ),
            Cause(
                "A proxy between cuts long answers",
                ("Look for a timeout on the way: proxies and hosting platforms often cut what is silent for 30 or 60 seconds.",),
            ),
        ),
    ),
    Trouble(
        "secret_unreadable",
        "The stored key can't be read",
        ("STORAGE_ENCRYPTION_KEY", "can't be read with the storage key"),
        (
            Cause(
                "The gateway was started with another storage key",
                (
                    "Start it with the STORAGE_ENCRYPTION_KEY that the key was stored under; several can be given, with commas.",
                    "If it is lost, paste the API key in anew.",
                ),
                ("key",),
            ),
        ),
    ),
    Trouble(
        "feature_off",
        "Claude Code compatible providers are off",
        ("ENABLE_CC_COMPATIBLE_PROVIDER", "switched off", "403"),
        (
            Cause(
                "The flag was not set at start",
                (
                    "Set ENABLE_CC_COMPATIBLE_PROVIDER=true in the environment or in .env.",
                    "Start the gateway again: the flag is read at start only.",
                ),
            ),
        ),
    ),
)

TROUBLES: dict[str, Trouble] = {each.type: each for each in _TROUBLES}

# Names of the same trouble: classes of the log and types of a verdict that need no list of their own.
NAMED: dict[str, str] = {
    "upstream_rate_limited": "rate_limited",
    "unsupported_param": "bad_request",
    "context_too_long": "bad_request",
    "client_error": "upstream_refused",
    "server_error": "upstream_unavailable",
    "overloaded": "upstream_unavailable",
    "upstream_empty": "stream_cut",
    "stream_stalled": "stream_cut",
}
