"""What runs an installation beside its services: secrets, backups, dashboards, alerts."""
