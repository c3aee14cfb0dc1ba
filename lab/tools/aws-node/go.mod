module flash-ticket/lab/aws-node

go 1.26.6

require (
	github.com/aws/amazon-vpc-cni-k8s v1.22.4
	github.com/aws/aws-ebpf-sdk-go/pkg/metrics v0.0.0
	github.com/aws/aws-network-policy-agent v1.4.3
	google.golang.org/grpc v1.83.2
	google.golang.org/protobuf v1.36.12-0.20260120151049-f2248ac996af
)

require (
	golang.org/x/net v0.58.0 // indirect
	golang.org/x/sys v0.47.0 // indirect
	golang.org/x/text v0.41.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260526163538-3dc84a4a5aaa // indirect
)

replace github.com/aws/aws-ebpf-sdk-go => github.com/aws/aws-ebpf-sdk-go v1.0.15

replace github.com/aws/aws-ebpf-sdk-go/pkg/metrics => ./ebpf-sdk-metrics
