"""All SQL of job_api."""
