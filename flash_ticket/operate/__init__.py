"""Everything that changes something: runs Pulumi, rewrites the stack's file, touches a pod."""
