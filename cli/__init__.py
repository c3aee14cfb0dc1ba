"""The command flash-firewall: reads arguments, calls the program, prints. No logic of its own."""
