"""What watches the firewall: Prometheus rules, a Grafana dashboard, CloudWatch alarms, all of them as values."""
