"""Every page, for what must hold of each: axe, both themes, 380 px, photographs."""

# Name -> address; {job} is a job that has run, {file} its training file.
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
    "template-save": "/jobs/{job}/template",
    "settings": "/settings",
    "settings-keys": "/settings/keys",
    "settings-members": "/settings/members",
    "settings-notifications": "/settings/notifications",
    "settings-budget": "/settings/budget",
    "settings-audit": "/settings/audit",
    "invitation": "/invitation",
    "not-found": "/nothing-here",
}
THEMES = ("light", "dark")
NARROW = {"width": 380, "height": 800}
WIDE = {"width": 1280, "height": 900}
