"""Guard rails in the cluster: who may change the policies, what pods may be, and what each role may do."""
