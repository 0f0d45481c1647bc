"""What `/` says, to programs as JSON and to people as a page."""

from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import urlsplit

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{name}</title>
<style>body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }}
:root {{ color-scheme: light dark }}</style>
<body>
<h1>{name}</h1>
<p>{about}</p>
<ul>
{links}
</ul>
<p>Send an API key or a token as <code>Authorization: Bearer ...</code>.</p>
</body>
</html>
"""


@dataclass(frozen=True)
class Home:
    """`links`: what it is -> its address. `web_page`: where people go instead; empty: there is none."""

    name: str
    version: str
    about: str
    links: dict[str, str]
    web_page: str = ""

    def leads_to(self, host: str) -> str:
        """The web page for who came to `host` (with its port); empty where that would lead here again."""
        there = urlsplit(self.web_page)
        return "" if there.netloc == host and there.path in ("", "/") else self.web_page

    def document(self) -> dict[str, Any]:
        return {"object": "api", "name": self.name, "version": self.version, "description": self.about, **self.links}

    def page(self) -> str:
        links = "\n".join(f'<li><a href="{escape(to)}">{escape(what)}</a></li>' for what, to in self.links.items())
        return _PAGE.format(name=escape(self.name), about=escape(self.about), links=links)


def prefers_html(accept: str) -> bool:
    """Whether text/html is named, and wanted more than JSON; a bare `*/*` is a program's."""
    quality = {}
    for entry in accept.lower().split(","):
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        quality[media_type] = min((_number(part[2:]) for part in parameters if part.startswith("q=")), default=1.0)
    return quality.get("text/html", 0.0) > quality.get("application/json", 0.0)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
