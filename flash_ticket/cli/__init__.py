"""The command ``flash-firewall``, a file for each verb: it reads arguments, calls the program and prints. No logic."""
