from chassis.migration_env import run
from services.job_api.tables import metadata

run(metadata)
