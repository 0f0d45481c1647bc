"""What a module takes from the database's libraries, beyond the types of what is handed around."""

import ast
import re

_STATEMENT = re.compile(
    r"(?i)^\s*(select\b.+\bfrom\b|select pg_|insert into\b|update \w+ set\b|delete from\b|with \w+ as\b"
    r"|(create|alter|drop|lock|truncate) \w*\s*table\b|(un)?listen \w+;?$|notify \w+\b(?! \w))", re.DOTALL
)
_LIBRARIES = ("sqlalchemy", "asyncpg")
# A use case may be handed a transaction, name its type and know the driver's errors.
_TYPES = {"AsyncConnection", "Row", "RowMapping", "MetaData"}


def sql_in(source: str) -> list[str]:
    """Statements in string literals, what is imported to build them, and where they are run."""
    return [found for node in ast.walk(ast.parse(source)) for found in _of(node)]


def _of(node: ast.AST) -> list[str]:
    match node:
        case ast.Constant(value=str(text)) if _STATEMENT.match(text):
            return [text]
        case ast.Import(names=names):
            return [alias.name for alias in names if alias.name.partition(".")[0] in _LIBRARIES]
        case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] in _LIBRARIES:
            return [] if module.endswith("exceptions") else [a.name for a in names if a.name not in _TYPES]
        case ast.Attribute(attr="execute" | "executemany" | "copy_records_to_table"):
            return [node.attr]
    return []
