"""The `openai` SDK on the endpoints beside chat: embeddings, images, speech, transcripts, moderations, legacy completions."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.clients.place import UPSTREAM_KEY, Place, Target
from tests.upstream.answer import OUTPUT, PROMPT
from tests.upstream.beside import EMBEDDED, HEARD, IMAGED, PNG, VECTOR
from tests.upstream.script import TEXT


@pytest.fixture(scope="module")
def client(shared_gateway: Any) -> Iterator[openai.OpenAI]:
    gateway, key = shared_gateway
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as made:
        yield made


def test_embeddings_are_base64_on_the_wire_by_default(client: openai.OpenAI, chat: Target, place: Place) -> None:
    made = client.embeddings.create(model=chat.model, input=["one", "two"])
    assert place.upstream.last().json["encoding_format"] == "base64"
    assert [each.embedding for each in made.data] == [list(VECTOR)] * 2 and made.usage.prompt_tokens == EMBEDDED


def test_embeddings_as_floats(client: openai.OpenAI, chat: Target, place: Place) -> None:
    made = client.embeddings.create(model=chat.model, input="one", encoding_format="float")
    assert place.upstream.last().json["encoding_format"] == "float"
    assert made.data[0].embedding == list(VECTOR)


def test_images(client: openai.OpenAI, chat: Target) -> None:
    made = client.images.generate(model=chat.model, prompt="a cat", n=2)
    assert made.data is not None and [each.b64_json for each in made.data] == [PNG, PNG]
    assert made.usage is not None and (made.usage.input_tokens, made.usage.output_tokens) == IMAGED


def test_images_as_a_stream(client: openai.OpenAI, chat: Target) -> None:
    events = list(client.images.generate(model=chat.model, prompt="a cat", stream=True, partial_images=1))
    assert [event.type for event in events] == ["image_generation.partial_image", "image_generation.completed"]
    assert base64.b64decode(events[-1].b64_json).startswith(b"\x89PNG")


def test_speech(client: openai.OpenAI, chat: Target, place: Place) -> None:
    made = client.audio.speech.create(model=chat.model, voice="alloy", input="hello", response_format="mp3")
    assert made.content == place.upstream.last().sent and made.content.startswith(b"ID3")


def test_speech_as_it_comes(client: openai.OpenAI, chat: Target, place: Place) -> None:
    with client.audio.speech.with_streaming_response.create(model=chat.model, voice="alloy", input="hello") as answer:
        pieces = list(answer.iter_bytes())
    assert b"".join(pieces) == place.upstream.last().sent and answer.headers["content-type"] == "audio/mpeg"


def test_speech_that_breaks_off_is_an_error(client: openai.OpenAI, chat: Target, place: Place) -> None:
    place.upstream.queue({"cut_after": 2})
    with (
        client.audio.speech.with_streaming_response.create(model=chat.model, voice="alloy", input="hello") as answer,
        pytest.raises((openai.APIConnectionError, httpx2.RemoteProtocolError)),
    ):
        list(answer.iter_bytes())


def test_a_transcript(client: openai.OpenAI, chat: Target) -> None:
    sound = io.BytesIO(b"RIFF" + bytes(5000))
    made: Any = client.audio.transcriptions.create(model=chat.model, file=("a.wav", sound), temperature=0.5)
    assert made.text == TEXT and made.size == 5004
    assert made.fields == {"model": "scripted-large", "temperature": "0.5"}


def test_a_translation(client: openai.OpenAI, chat: Target, place: Place) -> None:
    with pytest.deprecated_call():  # by the SDK, not by those who serve it
        made = client.audio.translations.create(model=chat.model, file=("a.wav", b"RIFF"))
    assert made.text == TEXT and place.upstream.last().path == "/v1/audio/translations"


def test_a_transcript_as_a_stream(client: openai.OpenAI, chat: Target) -> None:
    events = list(client.audio.transcriptions.create(model=chat.model, file=("a.wav", b"RIFF"), stream=True))
    assert [event.type for event in events] == ["transcript.text.delta", "transcript.text.done"]
    last = events[-1]
    assert last.type == "transcript.text.done" and last.text == TEXT
    assert last.usage is not None and (last.usage.input_tokens, last.usage.output_tokens) == HEARD


def test_a_transcript_as_text(client: openai.OpenAI, chat: Target) -> None:
    made = client.audio.transcriptions.create(model=chat.model, file=("a.wav", b"RIFF"), response_format="text")
    assert str(made).strip() == TEXT


def test_moderations_with_a_model(client: openai.OpenAI, chat: Target) -> None:
    made = client.moderations.create(input=["a", "b"], model=chat.model)
    assert made.model == "scripted-large" and [each.flagged for each in made.results] == [False, False]


def test_moderations_without_one(client: openai.OpenAI, chat: Target) -> None:
    assert client.moderations.create(input="a").model == "omni-moderation-latest"


def test_completions(client: openai.OpenAI, target: Target) -> None:
    made = client.completions.create(model=target.model, prompt="Once upon", max_tokens=50)
    assert made.choices[0].text == TEXT and made.choices[0].finish_reason == "stop" and made.object == "text_completion"
    assert made.usage is not None and (made.usage.prompt_tokens, made.usage.completion_tokens) == (PROMPT, OUTPUT)


def test_completions_as_a_stream(client: openai.OpenAI, target: Target) -> None:
    chunks = list(client.completions.create(model=target.model, prompt="x", stream=True, stream_options={"include_usage": True}))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == TEXT
    assert chunks[-1].usage is not None and chunks[-1].usage.total_tokens == PROMPT + OUTPUT


# Errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("400", openai.BadRequestError),
        ("403", openai.PermissionDeniedError),
        ("429-bare", openai.RateLimitError),
        ("500", openai.InternalServerError),
        ("html", openai.InternalServerError),
    ],
)
def test_errors_are_those_that_users_catch(
    client: openai.OpenAI, place: Place, script: str, error: type[openai.APIError]
) -> None:
    fresh = place.target("chat")
    place.upstream.always(script, key=UPSTREAM_KEY)
    with pytest.raises(error) as caught:
        client.embeddings.create(model=fresh.model, input="one")
    assert caught.value.message and isinstance(caught.value.body, dict)
    with pytest.raises(error):
        client.audio.transcriptions.create(model=fresh.model, file=("a.wav", b"RIFF"))


def test_a_provider_without_the_endpoint(client: openai.OpenAI, messages: Target, place: Place) -> None:
    with pytest.raises(openai.NotFoundError, match="/v1/embeddings") as caught:
        client.embeddings.create(model=messages.model, input="one")
    assert caught.value.code == "endpoint_not_served" and caught.value.param == "model"
    assert not place.upstream.requests()
