module flash-ticket/lab/pulumi-cli

go 1.26

require github.com/pulumi/pulumi/pkg/v3 v3.259.0

tool github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
