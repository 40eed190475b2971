"""What operates the services: alert rules, Prometheus's and Alertmanager's configuration. Pure."""
