"""Templates to pages. Everything is escaped, and a name that a template uses must be there."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.dashboard.assets import Assets
from services.dashboard.log_view import tone as entry_tone
from services.dashboard.words import FILTERS

TEMPLATES = Path(__file__).with_name("templates")


class Templates:
    def __init__(self, assets: Assets) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, auto_reload=False,
            trim_blocks=True, lstrip_blocks=True)
        self._environment.filters.update(FILTERS, entry_tone=entry_tone)
        self._environment.globals.update(asset=assets.url)

    def render(self, name: str, /, **context: Any) -> str:
        return self._environment.get_template(name).render(**context)
