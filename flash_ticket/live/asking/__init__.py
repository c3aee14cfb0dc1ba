"""How this room asks the APIs: the settings, the answers that it keeps, the questions that it asks early."""
