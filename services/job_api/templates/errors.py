"""What is refused about templates."""

from uuid import UUID

from services.job_api.errors import DomainError


class TemplateNotFound(DomainError):
    """Unknown, of another workspace, or private to somebody else."""

    def __init__(self, template_id: UUID) -> None:
        super().__init__(f"no template {template_id}")
        self.template_id = template_id


class UnknownTemplate(DomainError):
    """A new job or an estimate names a template that is not there for the caller."""

    def __init__(self, template_id: UUID) -> None:
        super().__init__(f"no template {template_id}")
        self.template_id = template_id


class TemplateBuiltIn(DomainError):
    """It comes with the product, the same for everybody."""

    def __init__(self, name: str) -> None:
        super().__init__(f"template {name!r} comes with the product")
        self.name = name


class TemplateNotYours(DomainError):
    """Somebody else shares it; who made it and admins change it."""
