"""The four servers everything else needs, each started from the binary in its Python package; the fake providers, and
what watches them where the machine has it."""

from stack.parts.fake_provider import FakeProviderPart
from stack.parts.kubernetes import FakeKubernetesPart
from stack.parts.monitoring import AlertmanagerPart, PrometheusPart
from stack.parts.nats import NatsPart
from stack.parts.postgres import PostgresPart
from stack.parts.process import Command, Part, PartError, free_port
from stack.parts.runpod import FakeRunPodPart
from stack.parts.s3 import S3Part
from stack.parts.valkey import ValkeyPart

__all__ = [
    "AlertmanagerPart",
    "Command",
    "FakeKubernetesPart",
    "FakeProviderPart",
    "FakeRunPodPart",
    "NatsPart",
    "Part",
    "PartError",
    "PostgresPart",
    "PrometheusPart",
    "S3Part",
    "ValkeyPart",
    "free_port",
]
