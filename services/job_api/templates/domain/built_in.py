"""The templates that come with the product: the same in every workspace, and nobody's to change."""

from uuid import UUID

from contracts.gpus import PricingTier
from contracts.hyperparameters import HyperparameterOverrides
from services.job_api.templates.domain.template import Template, Visibility

_QUICK_TEST_S = 6 * 3600

BUILT_IN: tuple[Template, ...] = (
    Template(
        UUID("0b2f7a6e-5d0c-4c1e-9a51-000000000001"), "Quick test",
        "One pass over the data with a small adapter, six hours at most: whether a file trains at all, and what its "
        "curves look like, for the least money.",
        Visibility.BUILT_IN, "conservative", HyperparameterOverrides(num_epochs=1), max_duration_s=_QUICK_TEST_S),
    Template(
        UUID("0b2f7a6e-5d0c-4c1e-9a51-000000000002"), "Standard production",
        "The balanced preset on spot capacity: the proven middle between how much is learnt and what it costs, for "
        "models that are delivered.",
        Visibility.BUILT_IN, "balanced"),
    Template(
        UUID("0b2f7a6e-5d0c-4c1e-9a51-000000000003"), "Maximum quality",
        "The largest adapter and the most passes over the data; goes on with on-demand capacity where there is no "
        "spot. It costs most: look at the validation loss before the model is delivered.",
        Visibility.BUILT_IN, "aggressive", pricing_tier=PricingTier.AUTO),
)


def built_in(template_id: UUID) -> Template | None:
    return next((template for template in BUILT_IN if template.id == template_id), None)
