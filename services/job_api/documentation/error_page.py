"""errors.html, made from docs/errors.md by `make schemas`: `docs_url` of every problem leads into it.

Made beforehand, because the service needs no Markdown at run time and may run where docs/ is not.
"""

from markdown_it import MarkdownIt

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errors of the Bright Run training API</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ border: 1px solid #bbb; padding: .3rem .6rem; text-align: left; vertical-align: top }}
pre {{ overflow-x: auto; padding: 1rem; border: 1px solid #bbb }}
tr:has(a:target) {{ background: #fff3c4; color: #000 }}
:root {{ color-scheme: light dark }}
</style>
<body>
{content}</body>
</html>
"""
# The other documents lie beside docs/errors.md and are not served.
_LOCAL_LINK = '<a href="training-file.md">training-file.md</a>'


def error_page(markdown: str) -> str:
    content = MarkdownIt("commonmark").enable("table").render(markdown)
    return _PAGE.format(content=content.replace(_LOCAL_LINK, "<code>docs/training-file.md</code>"))
