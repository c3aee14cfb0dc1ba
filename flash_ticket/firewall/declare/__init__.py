"""``traffic.yaml`` and ``Pulumi.<stack>.yaml`` as typed values."""
