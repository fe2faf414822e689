"""Lines for curl and the SDKs, as their current documentation has them (looked up 2026-11-27; tests/clients runs the SDKs)."""

from __future__ import annotations

from shlex import quote

from omniroute.dashboard.place import Block, Entry, Lines, Place, literal, powershell, shell


def curl(place: Place) -> Lines:
    header = "" if place.key is None else f"  -H {shell(f'Authorization: Bearer {place.key}')} \\\n"
    body = f"""{{
  "model": {literal(place.model)},
  "messages": [{{"role": "user", "content": "hello"}}],
  "max_tokens": 100
}}"""
    text = (
        f"curl -X POST {shell(place.v1 + '/chat/completions')} \\\n"
        f'  -H "Content-Type: application/json" \\\n{header}'
        f"  -d {quote(body)}"
    )
    return Lines((Block("sh", "Shell", text, note="In a terminal; on Windows in Git Bash or WSL."),))


def openai_python(place: Place) -> Lines:
    text = f"""from openai import OpenAI

client = OpenAI(
    base_url={literal(place.v1)},
    api_key={literal(place.sdk_key)},
)
answer = client.chat.completions.create(
    model={literal(place.model)},
    messages=[{{"role": "user", "content": "hello"}}],
)
print(answer.choices[0].message.content)"""
    return Lines((Block("python", "ask.py", text, note="Needs: pip install openai. Run it with: python ask.py"),))


def openai_js(place: Place) -> Lines:
    text = f"""import OpenAI from "openai";

const client = new OpenAI({{
  baseURL: {literal(place.v1)},
  apiKey: {literal(place.sdk_key)},
}});
const answer = await client.chat.completions.create({{
  model: {literal(place.model)},
  messages: [{{ role: "user", content: "hello" }}],
}});
console.log(answer.choices[0].message.content);"""
    return Lines((Block("js", "ask.mjs", text, note="Needs: npm install openai. Run it with: node ask.mjs"),))


def anthropic_python(place: Place) -> Lines:
    text = f"""from anthropic import Anthropic

client = Anthropic(
    base_url={literal(place.root)},
    api_key={literal(place.sdk_key)},
)
answer = client.messages.create(
    model={literal(place.model)},
    max_tokens=1024,
    messages=[{{"role": "user", "content": "hello"}}],
)
print(answer.content[-1].text)"""
    return Lines((Block("python", "ask.py", text, note="Needs: pip install anthropic. Run it with: python ask.py"),))


def anthropic_js(place: Place) -> Lines:
    text = f"""import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({{
  baseURL: {literal(place.root)},
  apiKey: {literal(place.sdk_key)},
}});
const answer = await client.messages.create({{
  model: {literal(place.model)},
  max_tokens: 1024,
  messages: [{{ role: "user", content: "hello" }}],
}});
console.log(answer.content.at(-1).text);"""
    return Lines((Block("js", "ask.mjs", text, note="Needs: npm install @anthropic-ai/sdk. Run it with: node ask.mjs"),))


def genai_python(place: Place) -> Lines:
    # HttpOptions.base_url: googleapis.github.io/python-genai, 2026-11-27; tried with 3.6.1. It takes the root.
    text = f"""from google import genai

client = genai.Client(
    api_key={literal(place.sdk_key)},
    http_options={{"base_url": {literal(place.root)}}},
)
answer = client.models.generate_content(
    model={literal(place.model)},
    contents="hello",
)
print(answer.text)"""
    return Lines((Block("python", "ask.py", text, note="Needs: pip install google-genai. Run it with: python ask.py"),))


def any_openai(place: Place) -> Lines:
    """For whatever speaks Chat Completions. The SDKs, and most programs that are built on them, read these two variables."""
    bash = f"export OPENAI_BASE_URL={shell(place.v1)}\nexport OPENAI_API_KEY={shell(place.sdk_key)}"
    windows = f"$env:OPENAI_BASE_URL = {powershell(place.v1)}\n$env:OPENAI_API_KEY = {powershell(place.sdk_key)}"
    return Lines(
        (
            Block("sh", "Shell", bash, note="Programs that are started from this shell then use the gateway."),
            Block("powershell", "PowerShell", windows),
        ),
        opening="A program that asks for them in a window of its own wants these three:",
        entries=(Entry("Base URL", place.v1), Entry("API key", place.sdk_key), Entry("Model", place.model)),
    )
