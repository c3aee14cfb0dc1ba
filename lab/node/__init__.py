"""A real node for the lab: kubelet, containerd, kube-proxy and the enforcers of NetworkPolicies that clusters run.

Everything lives in namespaces of its own, which the kernel takes away with the last process, and has no way out.
"""
