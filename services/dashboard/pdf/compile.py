"""python -I compile.py TEMPLATE: JSON from stdin, set by the template, as PDF to stdout.

A process of its own: it imports nothing of ours.
"""

import resource
import sys
from datetime import datetime
from json import loads
from pathlib import Path

import typst

_CPU_S, _MEMORY_BYTES = 20, 2 << 30


def compiled(template: Path, data: str) -> bytes:
    """Held to PDF/UA-1. That refuses text for which the fonts have no glyph; such a document is tagged all the same,
    and told so that it can say it (`sys.inputs.plain`)."""
    compiler = typst.Compiler(template, root=template.parent, font_paths=[], ignore_system_fonts=True)
    made_at = datetime.fromisoformat(loads(data)["made_at"])
    try:
        made = compiler.compile(format="pdf", pdf_standards=["ua-1"], timestamp=made_at, sys_inputs={"data": data})
    except typst.TypstError:
        made = compiler.compile(format="pdf", timestamp=made_at, sys_inputs={"data": data, "plain": "yes"})
    assert isinstance(made, bytes)
    return made


def main(template: str) -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # it writes to the pipe alone
    sys.stdout.buffer.write(compiled(Path(template), sys.stdin.read()))


if __name__ == "__main__":
    main(sys.argv[1])
