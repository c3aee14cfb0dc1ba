"""The firewall program: what is declared, what it compiles to, and what runs."""
