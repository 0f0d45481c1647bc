from chassis.database.migration_env import run

run()
