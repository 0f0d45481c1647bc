"""What a handler is given besides its message: `settings: Annotated[Settings, FromContext("settings")]`."""

from typing import Annotated, Any

from fast_depends.library import CustomField

from chassis.clock import Clock
from chassis.database.engine import Database


class FromContext(CustomField):
    """FastStream's `Context(name)`, but async: FastDepends runs a sync one in a thread, 0.2 ms for each argument.

    A dotted name reads attributes and keys: `FromContext("message.path.job_id")`.
    """

    def __init__(self, name: str) -> None:
        super().__init__(cast=False)
        self.name, *self.path = name.split(".")

    async def use(self, /, **kwargs: Any) -> dict[str, Any]:  # type: ignore[override]
        value = kwargs["context__"].get(self.name)
        for part in self.path:
            value = value[part] if isinstance(value, dict) else getattr(value, part)
        return kwargs | {str(self.param_name): value}


WithClock = Annotated[Clock, FromContext("clock")]
WithDatabase = Annotated[Database, FromContext("database")]
