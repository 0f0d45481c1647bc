"""How any service is built: settings, messages, database, objects, errors, auth, health. Knows no business word."""
