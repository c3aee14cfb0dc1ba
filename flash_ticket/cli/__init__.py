"""The command ``flash-firewall``, a file for each verb: reads arguments, calls the program, prints. No logic."""
