from chassis.migration_env import run
from services.cost_guard.tables import metadata

run(metadata)
