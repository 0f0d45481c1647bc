"""The language of the system: events, requests, job rules, presets and errors. Pydantic only, no I/O."""
