"""A browser without a screen: it reads the HTML that a page really has, fills in fields by their labels and presses buttons.

    page = browser.open("/login")
    page = page.fill({"Password": "..."}).press("Sign in")
    assert "Welcome" in page.text

Fields are found by label and buttons by text, as a person finds them; a field without a label can't be filled in at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

VOID = frozenset({"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
ORIGIN = {"Origin": "http://localhost"}


@dataclass(eq=False)
class Element:
    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)
    parent: Element | None = None

    @property
    def text(self) -> str:
        """All text inside, spaces made one."""
        return " ".join(" ".join(child if isinstance(child, str) else child.text for child in self.children).split())

    @property
    def label(self) -> str:
        """What a screen reader calls a button or a link."""
        return self.attrs.get("aria-label") or self.text

    def walk(self) -> Iterator[Element]:
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.walk()

    def all(self, *tags: str) -> list[Element]:
        return [each for each in self.walk() if each.tag in tags]

    def within(self, tag: str) -> Element | None:
        """The nearest element of that kind around this one."""
        return self if self.tag == tag else self.parent.within(tag) if self.parent else None


class Reader(HTMLParser):
    """Builds the tree. Raises AssertionError on a tag that is closed but not open: our templates close what they open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self._open = Element("document")
        self.feed(text)
        assert self._open is self.root, f"<{self._open.tag}> is never closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        made = Element(tag, {name: value or "" for name, value in attrs}, parent=self._open)
        self._open.children.append(made)
        if tag not in VOID:
            self._open = made

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.children.append(Element(tag, {name: value or "" for name, value in attrs}, parent=self._open))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open.tag == tag, f"</{tag}> comes where <{self._open.tag}> is open"
        self._open = self._open.parent or self.root

    def handle_data(self, data: str) -> None:
        self._open.children.append(data)


class Browser:
    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def open(self, path: str, **headers: str) -> Page:
        return self._page(self.client.get(path, headers=headers))

    def send(self, path: str, values: Mapping[str, Any], **headers: str) -> Page:
        """POST a form, and follow where it leads."""
        return self._page(self.client.post(path, data=values, headers=ORIGIN | headers))

    def _page(self, answer: TestResponse) -> Page:
        while answer.status_code in (302, 303):
            answer = self.client.get(answer.headers["Location"])
        return Page(self, answer)


class Page:
    def __init__(self, browser: Browser, answer: TestResponse) -> None:
        self._browser, self.answer, self._filled = browser, answer, dict[str, str | list[str]]()
        self.status, self.html = answer.status_code, answer.get_data(as_text=True)
        self.root = Reader(self.html).root
        self.path = urlsplit(answer.request.url).path

    @property
    def text(self) -> str:
        """What is there to read, in one line."""
        return self.root.text

    @property
    def toasts(self) -> list[str]:
        """What they say, without the words on their buttons."""
        boxes = [each for each in self.root.walk() if each.attrs.get("id") == "toasts"]
        return [told.text for box in boxes for told in box.all("div") if told.attrs.get("class") == "grow"]

    def links(self) -> dict[str, str]:
        """Address by label."""
        return {each.label: each.attrs["href"] for each in self.root.all("a") if "href" in each.attrs}

    def buttons(self) -> list[str]:
        return [each.label for each in self.root.all("button")]

    def follow(self, label: str) -> Page:
        return self._browser.open(self.links()[label])

    def control(self, label: str) -> Element:
        """The field that is called so. Raises AssertionError when none or several are."""
        labels = [each for each in self.root.all("label") if each.text.removesuffix("(optional)").strip() == label]
        found = [each for each in self.root.walk() if any(each.attrs.get("id") == one.attrs["for"] for one in labels)]
        assert len(found) == 1, f"{len(found)} fields are labelled {label!r}"
        return found[0]

    def fill(self, values: Mapping[str, str]) -> Page:
        """Values by label; a checkbox takes "on" and "off"."""
        for label, value in values.items():
            self._filled[self.control(label).attrs["id"]] = value
        return self

    def press(self, label: str, **headers: str) -> Page:
        """The first button that is called so, in its form, as a browser without scripts would."""
        button = next((each for each in self.root.all("button") if each.label == label), None)
        assert button is not None, f"no button {label!r}; there are {self.buttons()}"
        form = button.within("form")
        assert form is not None, f"the button {label!r} is in no form"
        values = MultiDict(self._values(form))
        if "name" in button.attrs:
            values.add(button.attrs["name"], button.attrs.get("value", ""))
        action = button.attrs.get("formaction") or form.attrs.get("action") or self.path
        if form.attrs.get("method") == "post":
            return self._browser.send(action, values, **headers)
        return self._browser._page(self._browser.client.get(action, query_string=values, headers=headers))

    def _values(self, form: Element) -> Iterator[tuple[str, str]]:
        for control in form.all("input", "select", "textarea"):
            name, given = control.attrs.get("name"), self._filled.get(control.attrs.get("id", ""))
            if not name:
                continue
            if control.attrs.get("type") in ("checkbox", "radio"):
                if given == "on" or (given is None and "checked" in control.attrs):
                    yield name, control.attrs.get("value", "on")
            elif control.tag == "select":
                options = control.all("option")
                chosen = [each for each in options if "selected" in each.attrs] or options[:1]
                if given is not None:
                    chosen = [each for each in options if each.text == given]
                    assert chosen, f"{name} has no choice {given!r}"
                yield from ((name, each.attrs.get("value", each.text)) for each in chosen)
            elif given is not None:
                yield name, str(given)
            else:
                yield name, control.text if control.tag == "textarea" else control.attrs.get("value", "")
