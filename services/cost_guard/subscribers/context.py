"""What handlers are given beside their message."""

from typing import Annotated

from chassis.messaging.context import FromContext
from services.cost_guard.ports import PriceList
from services.cost_guard.settings import Settings

WithSettings = Annotated[Settings, FromContext("settings")]
WithPrices = Annotated[PriceList, FromContext("prices")]
