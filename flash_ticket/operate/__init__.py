"""Everything that changes something: it runs Pulumi, rewrites the stack's file, and runs the probe in pods."""
