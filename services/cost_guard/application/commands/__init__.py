"""What changes money: requests of job_api, and what happened to jobs and machines."""
