"""`python -m chassis.migrate services.job_api [...]`: bring databases to the newest schema."""

import sys

from chassis.database.migrate import main

if __name__ == "__main__":
    main(sys.argv[1:])
