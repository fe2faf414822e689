"""All that is observed, in the order of the table."""

from __future__ import annotations

from collections.abc import Mapping

from omniroute.formats import CLIENT_FORMATS, FORMATS
from tests.formats.conformance.answers import CALLED, ENDED, SAID, USED, Answers
from tests.formats.conformance.ask import Asks
from tests.formats.conformance.asks_content import CONTENT
from tests.formats.conformance.asks_history import HISTORY
from tests.formats.conformance.asks_settings import SETTINGS
from tests.formats.conformance.asks_tools import TOOLS
from tests.formats.conformance.observe import observe
from tests.formats.conformance.observe_answers import observe_answer
from tests.formats.conformance.table import Feature

ASKS: Mapping[str, Asks] = {"content": CONTENT, "history": HISTORY, "tools": TOOLS, "settings": SETTINGS}
ANSWERS: Mapping[str, Answers] = {"said": SAID, "called": CALLED, "ended": ENDED, "used": USED}

Observed = Mapping[tuple[str, str], str]  # (client format, upstream format) -> outcome


def of_request(feature: Feature) -> Observed:
    asks = ASKS[feature.group][feature.name]
    return {
        (client, upstream): observe(client, upstream, asks[client], feature.target) for client in asks for upstream in FORMATS
    }


def of_answer(feature: Feature) -> Observed:
    answers = ANSWERS[feature.group][feature.name]
    return {
        (client, upstream): observe_answer(upstream, client, answers[upstream])
        for upstream in answers
        for client in CLIENT_FORMATS
    }
