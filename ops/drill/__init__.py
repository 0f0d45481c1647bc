"""The restore drill: an installation of its own is destroyed while a job trains, and comes back from its backup.

    python -m ops.drill [--folder .data-drill] [--rented] [--json]

It never touches another installation: everything happens below one folder, which is removed before and after.
"""
