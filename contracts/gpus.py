"""GPU types and how their capacity is bought."""

from enum import StrEnum


class GpuType(StrEnum):
    H100_PCIE_80GB = "h100_pcie_80gb"
    LOCAL = "local"


class PricingTier(StrEnum):
    """The product's `gpu_pricing_tier`. `auto` asks for spot first and falls back to on-demand."""

    SPOT = "spot"
    ON_DEMAND = "on_demand"
    AUTO = "auto"
