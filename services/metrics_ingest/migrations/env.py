from chassis.migration_env import run
from services.metrics_ingest.tables import metadata

run(metadata)
