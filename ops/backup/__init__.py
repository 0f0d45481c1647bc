"""Backups of an installation to one consistent point, and the way back (docs/operations/backup.md).

`create` takes the six databases (one physical base backup of their cluster), the buckets and the keys; `watch` ships
what changes since then, so that a restore loses seconds. A backup counts once its manifest is there, written last.
"""
