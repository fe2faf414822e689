"""A completions request body -> ir.Request: the prompt becomes one user message.

Source: types of openai-python 3.54.0, completion_create_params.py (read 2026-11-27). OpenAI's own default of 16 for `max_tokens`
is not applied: an upstream that is asked in another way has its own, and nothing is added to what the caller said.
"""

from __future__ import annotations

from typing import Any

from omniroute.errors import BadRequest, UnsupportedField
from omniroute.formats import ir
from omniroute.formats.fields import Fields, missing, wrong

NAME = "openai_completions"
_REMEDY = "Send one text as 'prompt', or name a model whose provider has /v1/completions itself."


def parse_request(document: dict[str, Any]) -> ir.Request:
    """Read a body. Raises BadRequest or UnsupportedField, naming the field.

    What would change the answer's text (`suffix`, `echo`, several choices) is refused; `best_of` and `logprobs` stay among
    the unknown, which every upstream's renderer drops by name.
    """
    body = Fields(document)
    prompt = _prompt(body.get("prompt"))
    if body.text("suffix"):
        raise _refused("suffix", "filling in before a given end")
    if body.flag("echo"):
        raise _refused("echo", "repeating the prompt")
    if (body.integer("n", least=1) or 1) > 1:
        raise _refused("n", "more than one answer")
    best_of, logprobs = body.integer("best_of", least=1), body.integer("logprobs", least=0)
    placeless = {"best_of": best_of if best_of != 1 else None, "logprobs": logprobs}
    return ir.Request(
        model=body.needed_text("model"),
        messages=(ir.Message("user", (ir.Text(prompt, path="prompt"),), path="prompt"),),
        sampling=ir.Sampling(
            temperature=body.number("temperature"),
            top_p=body.number("top_p"),
            frequency_penalty=body.number("frequency_penalty"),
            presence_penalty=body.number("presence_penalty"),
            seed=body.integer("seed"),
            logit_bias=body.mapping("logit_bias"),
        ),
        max_tokens=body.integer("max_tokens", least=0),
        stop=body.texts("stop"),
        user=body.text("user"),
        stream=body.flag("stream") or False,
        include_usage=_include_usage(body),
        unknown=body.rest() | {name: value for name, value in placeless.items() if value is not None},
        unread=tuple(body.unread),
        origin=NAME,
        called={"messages": "prompt"},
    )


def _prompt(given: Any) -> str:
    """One text, or a list of one. Tokens mean nothing to another model, and several texts would be several answers."""
    if given is None:
        raise missing("prompt")
    if isinstance(given, str):
        return given
    if not isinstance(given, list):
        raise wrong("prompt", "a text or a list of one text", given)
    if any(isinstance(each, int | list) for each in given):
        raise BadRequest("'prompt' holds tokens, which only its own model can read; send a text.", param="prompt", remedy=_REMEDY)
    if len(given) != 1:
        raise BadRequest(f"'prompt' holds {len(given)} texts; send one at a time.", param="prompt", remedy=_REMEDY)
    if not isinstance(given[0], str):
        raise wrong("prompt.0", "a text", given[0])
    return given[0]


def _include_usage(body: Fields) -> bool:
    options = body.inner("stream_options")
    if options is None:
        return False
    wanted = options.flag("include_usage") or False
    options.done()
    return wanted


def _refused(name: str, what: str) -> UnsupportedField:
    return UnsupportedField(f"'{name}' asks for {what}, which this model's upstream can't do.", param=name)
