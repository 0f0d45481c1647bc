"""Use cases: what is done with reports and deleted jobs, what is answered, what goes on by time."""
