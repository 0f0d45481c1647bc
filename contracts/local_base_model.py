"""Where the small base model lies that comes with this repository, for machines without a GPU."""

from pathlib import Path

SHIPPED_BASE_MODEL = Path(__file__).resolve().parents[1] / "trainer_image" / "base_model" / "shipped"
