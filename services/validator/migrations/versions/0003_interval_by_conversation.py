"""Verdicts name their method, and too few conversations have no interval."""

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Integer, Text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What stands there, and what a replica of the version before still writes, comes from the bootstrap.
    op.add_column("evaluations", Column("method", Text, nullable=False, server_default="bootstrap/1"))
    op.add_column("evaluations", Column("independent", Integer))
    op.add_column("evaluations", Column("worse", Integer))
    op.alter_column("evaluations", "low_pct", existing_type=Float, nullable=True)
    op.alter_column("evaluations", "high_pct", existing_type=Float, nullable=True)
    op.alter_column("evaluations", "tokens", existing_type=Integer, type_=BigInteger)
    op.create_index("evaluations_method", "evaluations", ["method"])
