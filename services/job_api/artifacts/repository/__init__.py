"""All SQL about deliveries and downloads."""
