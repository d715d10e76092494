"""A page of HTML, as a test asks about it."""

from __future__ import annotations

from html.parser import HTMLParser


class Page(HTMLParser):
    """The elements of a page, its visible text, its links; raises AssertionError if a tag is closed wrongly."""

    EMPTY: tuple[str, ...] = ("meta", "link", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        """The visible text."""
        return " ".join(" ".join(self.texts).split())

    @property
    def links(self) -> set[str]:
        """Where it leads."""
        return {str(attributes["href"]) for tag, attributes in self.elements if tag == "a"}

    def find(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of all elements of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]
