"""Requests whose feature is in what is said: roles, parts, media."""

from __future__ import annotations

import base64

from tests.formats.conformance.ask import (
    CHAT,
    COMPLETIONS,
    GEMINI,
    MESSAGES,
    RESPONSES,
    Ask,
    Asks,
    chat,
    chat_part,
    gemini,
    gemini_part,
    messages,
    messages_part,
    responses,
    responses_part,
    said,
    turn,
)
from tests.formats.full_requests import PDF, PNG

URL, PDF_URL = "https://example.com/a.png", "https://example.com/a.pdf"
NOTES = base64.b64encode(b"notes").decode()
WAV = "UklGRiQAAABXQVZFZm10IA=="
HI = said("user", "Hi")
MARK = {"type": "ephemeral"}


def _messages_file(kind: str, **source: str) -> Ask:
    return messages_part({"type": kind, "source": source})


_MID = [HI, said("assistant", "Yes?"), said("user", "Go on."), said("system", "Be brief.")]

CONTENT: Asks = {
    "text": {client: Ask("", {}) for client in (CHAT, MESSAGES, RESPONSES, GEMINI, COMPLETIONS)},
    "texts": {
        CHAT: chat_part({"type": "text", "text": "this"}),
        MESSAGES: messages_part({"type": "text", "text": "this"}),
        RESPONSES: responses_part({"type": "input_text", "text": "this"}),
        GEMINI: gemini_part({"text": "this"}),
    },
    "system": {
        CHAT: chat(said("system", "Be brief."), HI, field="messages.0"),
        MESSAGES: Ask("system", {"system": "Be brief."}),
        RESPONSES: Ask("instructions", {"instructions": "Be brief."}),
        GEMINI: Ask("systemInstruction", {"systemInstruction": {"parts": [{"text": "Be brief."}]}}),
    },
    "system_blocks": {
        CHAT: chat(said("system", [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]), HI, field=""),
        MESSAGES: Ask("system", {"system": [{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]}),
        GEMINI: Ask("systemInstruction", {"systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}}),
    },
    "developer": {
        CHAT: chat(said("developer", "Be brief."), HI, field="messages.0"),
        RESPONSES: responses(said("developer", "Be brief."), HI, field="input.0"),
    },
    "mid_system": {
        CHAT: chat(*_MID, field="messages.3.role"),
        MESSAGES: messages(*_MID, field="messages.3.role"),
        RESPONSES: responses(*_MID, field="input.3.role"),
    },
    "mid_system_taken": {
        CHAT: chat(*_MID, field="messages.3.role"),
        MESSAGES: messages(*_MID, field="messages.3.role"),
        RESPONSES: responses(*_MID, field="input.3.role"),
    },
    "name": {CHAT: chat(HI | {"name": "ann"}, field="messages.0.name")},
    "image_base64": {
        CHAT: chat_part({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}),
        MESSAGES: _messages_file("image", type="base64", media_type="image/png", data=PNG),
        RESPONSES: responses_part({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}),
        GEMINI: gemini_part({"inlineData": {"mimeType": "image/png", "data": PNG}}),
    },
    "image_url": {
        CHAT: chat_part({"type": "image_url", "image_url": {"url": URL}}),
        MESSAGES: _messages_file("image", type="url", url=URL),
        RESPONSES: responses_part({"type": "input_image", "image_url": URL}),
        GEMINI: gemini_part({"fileData": {"mimeType": "image/png", "fileUri": URL}}),
    },
    "image_detail": {
        CHAT: chat_part({"type": "image_url", "image_url": {"url": URL, "detail": "low"}}),
        RESPONSES: responses_part({"type": "input_image", "image_url": URL, "detail": "low"}),
        GEMINI: gemini_part(
            {"inlineData": {"mimeType": "image/png", "data": PNG}, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}}
        ),
    },
    "image_file": {
        MESSAGES: _messages_file("image", type="file", file_id="file_1"),
        RESPONSES: responses_part({"type": "input_image", "file_id": "file-1"}),
        GEMINI: gemini_part(
            {
                "fileData": {
                    "mimeType": "image/png",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1",
                }
            }
        ),
    },
    "pdf": {
        CHAT: chat_part({"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}"}}),
        MESSAGES: _messages_file("document", type="base64", media_type="application/pdf", data=PDF),
        RESPONSES: responses_part({"type": "input_file", "file_data": f"data:application/pdf;base64,{PDF}"}),
        GEMINI: gemini_part({"inlineData": {"mimeType": "application/pdf", "data": PDF}}),
    },
    "pdf_url": {
        MESSAGES: _messages_file("document", type="url", url=PDF_URL),
        RESPONSES: responses_part({"type": "input_file", "file_url": PDF_URL}),
        GEMINI: gemini_part({"fileData": {"mimeType": "application/pdf", "fileUri": PDF_URL}}),
    },
    "document_title": {
        CHAT: chat_part({"type": "file", "file": {"filename": "b.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}}),
        MESSAGES: messages_part(
            {"type": "document", "title": "b.pdf", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}
        ),
        RESPONSES: responses_part({"type": "input_file", "filename": "b.pdf", "file_data": f"data:application/pdf;base64,{PDF}"}),
        GEMINI: gemini_part({"inlineData": {"mimeType": "application/pdf", "data": PDF, "displayName": "b.pdf"}}),
    },
    "document_text": {MESSAGES: _messages_file("document", type="text", media_type="text/plain", data="notes")},
    "text_file": {
        CHAT: chat_part({"type": "file", "file": {"file_data": f"data:text/plain;base64,{NOTES}"}}),
        RESPONSES: responses_part({"type": "input_file", "file_data": f"data:text/plain;base64,{NOTES}"}),
        GEMINI: gemini_part({"inlineData": {"mimeType": "text/plain", "data": NOTES}}),
    },
    "other_file": {
        CHAT: chat_part({"type": "file", "file": {"file_data": "data:application/zip;base64,UEsDBA=="}}),
        RESPONSES: responses_part({"type": "input_file", "file_data": "data:application/zip;base64,UEsDBA=="}),
        GEMINI: gemini_part({"inlineData": {"mimeType": "application/zip", "data": "UEsDBA=="}}),
    },
    "document_file": {
        CHAT: chat_part({"type": "file", "file": {"file_id": "file-1"}}),
        MESSAGES: _messages_file("document", type="file", file_id="file_1"),
        RESPONSES: responses_part({"type": "input_file", "file_id": "file-1"}),
        GEMINI: gemini_part(
            {
                "fileData": {
                    "mimeType": "application/pdf",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1",
                }
            }
        ),
    },
    "document_context": {
        MESSAGES: messages_part(
            {"type": "document", "context": "mine", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}}
        )
    },
    "document_citations": {
        MESSAGES: messages_part(
            {
                "type": "document",
                "citations": {"enabled": True},
                "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
            }
        )
    },
    "document_blocks": {
        MESSAGES: messages_part({"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}})
    },
    "audio": {
        CHAT: chat_part({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
        RESPONSES: responses_part({"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}),
        GEMINI: gemini_part({"inlineData": {"mimeType": "audio/wav", "data": WAV}}),
    },
    "video": {GEMINI: gemini_part({"fileData": {"mimeType": "video/mp4", "fileUri": "https://example.com/a.mp4"}})},
    "search_result": {
        MESSAGES: messages_part(
            {
                "type": "search_result",
                "source": "https://a.test",
                "title": "A",
                "content": [{"type": "text", "text": "It rains."}],
            }
        )
    },
    "cache_mark": {
        CHAT: chat_part({"type": "text", "text": "this", "cache_control": MARK}),
        MESSAGES: messages_part({"type": "text", "text": "this", "cache_control": MARK}),
        RESPONSES: responses_part({"type": "input_text", "text": "this", "prompt_cache_breakpoint": {"mode": "explicit"}}),
    },
    "cache_mark_taken": {
        CHAT: chat_part({"type": "text", "text": "this", "cache_control": MARK}),
        MESSAGES: messages_part({"type": "text", "text": "this", "cache_control": MARK}),
        RESPONSES: responses_part({"type": "input_text", "text": "this", "prompt_cache_breakpoint": {"mode": "explicit"}}),
    },
    "cache_everything": {
        CHAT: Ask("cache_control", {"cache_control": MARK}),
        MESSAGES: Ask("cache_control", {"cache_control": MARK}),
    },
    "instructions_only": {
        CHAT: chat(said("system", "Say hi."), field="messages.0.role"),
        RESPONSES: responses(said("system", "Say hi."), field="input.0.role"),
    },
    "blank_text": {
        CHAT: chat_part({"type": "text", "text": " "}),
        MESSAGES: messages_part({"type": "text", "text": " "}),
        RESPONSES: responses_part({"type": "input_text", "text": " "}),
        GEMINI: gemini_part({"text": " "}),
    },
    "history": {
        CHAT: chat(HI, said("assistant", "Yes?"), said("user", "Go on."), field=""),
        MESSAGES: messages(HI, said("assistant", "Yes?"), said("user", "Go on."), field=""),
        RESPONSES: responses(HI, said("assistant", "Yes?"), said("user", "Go on."), field=""),
        GEMINI: gemini(turn("user", {"text": "Hi"}), turn("model", {"text": "Yes?"}), turn("user", {"text": "Go on."}), field=""),
    },
    "prefill": {
        CHAT: chat(HI, said("assistant", "Well,"), field="messages.1"),
        MESSAGES: messages(HI, said("assistant", "Well,"), field="messages.1"),
        RESPONSES: responses(HI, said("assistant", "Well,"), field="input.1"),
        GEMINI: gemini(turn("user", {"text": "Hi"}), turn("model", {"text": "Well,"}), field="contents.1"),
    },
}
