"""Write the OpenAPI document, docs/api.md, docs/authorization.md and the page of errors; with `--check` only say which
is stale.

python -m services.job_api.openapi [--check]
"""

import json
import sys
from pathlib import Path

from services.job_api.api_document import api_document
from services.job_api.app import create_app
from services.job_api.authorization import authorization_document
from services.job_api.documentation.error_page import error_page
from services.job_api.settings import Settings

ROOT = Path(__file__).parents[2]
ERROR_PAGE = Path(__file__).parent / "documentation" / "errors.html"


def generated_files() -> dict[Path, str]:
    """The API as the code has it; needs no server and no database."""
    settings = Settings(database_url="postgresql+asyncpg://nobody@localhost/nothing", s3_endpoint="http://localhost")
    openapi = create_app(settings).openapi()
    text = json.dumps(openapi, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    return {ROOT / "contracts" / "schemas" / "openapi.json": text, ROOT / "docs" / "api.md": api_document(openapi),
            ROOT / "docs" / "authorization.md": authorization_document(),
            ERROR_PAGE: error_page((ROOT / "docs" / "errors.md").read_text())}


def main(arguments: list[str]) -> int:
    files = generated_files()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--check" in arguments:
            print(f"stale: {path.relative_to(ROOT)} (run `make schemas` and commit the result)")
        else:
            path.write_text(files[path])
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
