"""Write the OpenAPI document; with `--check` only say whether the committed one is stale.

    python -m services.job_api.openapi [--check]
"""

import json
import sys
from pathlib import Path

from services.job_api.app import create_app
from services.job_api.settings import Settings

PATH = Path(__file__).parents[2] / "contracts" / "schemas" / "openapi.json"


def document() -> str:
    """The API as the code has it; needs no server and no database."""
    settings = Settings(database_url="postgresql+asyncpg://nobody@localhost/nothing", s3_endpoint="http://localhost")
    return json.dumps(create_app(settings).openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    text = document()
    fresh = PATH.exists() and PATH.read_text() == text
    if "--check" in arguments:
        if not fresh:
            print("stale: contracts/schemas/openapi.json (run `make schemas` and commit the result)")
        return 0 if fresh else 1
    PATH.parent.mkdir(parents=True, exist_ok=True)
    PATH.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
