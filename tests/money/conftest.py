import pytest
import pytest_asyncio

from tests.money.world import World


@pytest_asyncio.fixture
async def money_url(fresh_database) -> str:
    return (await fresh_database("services.cost_guard")).url


@pytest.fixture
def world(money_url: str):
    world = World(money_url)
    yield world
    world.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long searches run when they are asked for: `pytest -m fuzz tests/money`."""
    if "fuzz" not in config.option.markexpr:
        skipped = pytest.mark.skip(reason="a search of minutes: pytest -m fuzz tests/money")
        for item in items:
            if item.get_closest_marker("fuzz"):
                item.add_marker(skipped)
