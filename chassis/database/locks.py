"""The numbers of PostgreSQL's advisory locks: one for each purpose, whatever the database."""

MIGRATION = 7_201_340
METRIC_PARTITIONS = 7_201_341
BOOTSTRAP = 7_201_342
