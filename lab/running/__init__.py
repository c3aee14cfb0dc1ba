"""Start, drive and end a lab: its processes, the engine, a copy of the program."""
