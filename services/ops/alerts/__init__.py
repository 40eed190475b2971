"""The alerts, one module a subject; each gives its rules for a configuration."""
