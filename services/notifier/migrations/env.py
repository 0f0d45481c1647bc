from chassis.migration_env import run
from services.notifier.tables import metadata

run(metadata)
