"""Every page, for what must hold of each: axe, both themes, 380 px, photographs."""

# Name -> address; {job} is a job that has run, {file} its training file, {other} another job.
PAGES = {
    "sign-in": "/sign-in",
    "jobs": "/jobs",
    "jobs-empty": "/jobs?q=nothing-is-called-like-this",
    "queue": "/queue",
    "job": "/jobs/{job}",
    "notes": "/jobs/{job}/notes",
    "files": "/files",
    "file": "/files/{file}",
    "new-job": "/new-job?from_job={job}",
    "first-run": "/first-run",
    "first-run-checked": "/first-run?file={file}",
    "templates": "/templates",
    "analytics": "/analytics",
    "template-save": "/jobs/{job}/template",
    "operations": "/operations",
    "dead-letters": "/operations/dead-letters",
    "settings": "/settings",
    "settings-keys": "/settings/keys",
    "settings-members": "/settings/members",
    "settings-notifications": "/settings/notifications",
    "settings-budget": "/settings/budget",
    "settings-audit": "/settings/audit",
    "invitation": "/invitation",
    "compare": "/compare?job={job}&job={other}",
    "compare-choice": "/compare",
    "not-found": "/nothing-here",
}
THEMES = ("light", "dark")
NARROW = {"width": 380, "height": 800}
WIDE = {"width": 1280, "height": 900}
