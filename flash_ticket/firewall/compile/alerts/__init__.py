"""The firewall's monitoring as values: Prometheus rules, a Grafana dashboard, CloudWatch alarms."""
