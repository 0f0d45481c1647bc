"""A signing key in a file that may be replaced at any moment: the key that signs, and those that it replaces.

First line: the seed that signs. Each line after it: the public key of one before; what that one signed still counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from chassis.messaging.nats_jwt import Key


@dataclass(frozen=True)
class SigningKeys:
    current: Key
    retiring: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> "SigningKeys":
        """Anew at each use: it is a few lines. Raises OSError, and ValueError for a file without a seed."""
        seed, *before = path.read_text().split() or [""]
        if not seed:
            raise ValueError(f"{path} holds no seed of a key")
        return cls(Key.from_seed(seed), tuple(before))

    @property
    def public(self) -> list[str]:
        """Who signs, by their public keys; the current one first."""
        return [self.current.public, *self.retiring]


def signing_keys_text(current: Key, retiring: Iterable[str] = ()) -> str:
    return "\n".join([current.seed, *retiring]) + "\n"
