"""A service's own settings do not take the names of those that every service has: they would mean both."""

from importlib import import_module
from inspect import get_annotations

import pytest

from chassis.settings import ServiceSettings
from stack.nats_permissions import SERVICES

# What means the same everywhere, with a default of the service's own.
OVERRIDDEN_ON_PURPOSE = {"service_name", "http_port"}


@pytest.mark.parametrize("service", SERVICES)
def test_no_setting_has_two_meanings(service: str) -> None:
    settings = import_module(f"services.{service}.settings").Settings
    own = {name for cls in settings.__mro__ if cls not in ServiceSettings.__mro__
           for name in get_annotations(cls)}
    assert own & set(ServiceSettings.model_fields) <= OVERRIDDEN_ON_PURPOSE
