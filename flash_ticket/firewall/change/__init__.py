"""What is deployed, and what the next deployment opens, closes, interrupts, adopts and restores."""
