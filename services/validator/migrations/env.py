from chassis.migration_env import run
from services.validator.tables import metadata

run(metadata)
