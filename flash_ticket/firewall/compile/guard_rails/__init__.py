"""Guard rails in the cluster: who may change the policies, Pod Security, and the rights of each role."""
