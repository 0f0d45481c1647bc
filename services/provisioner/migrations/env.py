from chassis.migration_env import run
from services.provisioner.tables import metadata

run(metadata)
