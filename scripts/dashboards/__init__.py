"""Grafana's dashboards as code: ``python -m scripts.dashboards`` writes them to ``deploy/grafana/dashboards``."""

import warnings

# The SDK would rather have its next schema, which Grafana can't provision from files in all versions in use.
warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
