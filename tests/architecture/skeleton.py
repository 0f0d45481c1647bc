"""The tree with all its packages and modules and nothing in them: a place to break one rule and no other."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("contracts", "chassis", "services", "trainer_image", "brightrun", "stack", "ops")


def make_skeleton(folder: Path) -> None:
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            empty = folder / path.relative_to(ROOT)
            empty.parent.mkdir(parents=True, exist_ok=True)
            empty.touch()
        # Where the tree has folders only, the linter needs packages.
        for inner in [folder / package, *(path for path in (folder / package).rglob("*") if path.is_dir())]:
            (inner / "__init__.py").touch()
