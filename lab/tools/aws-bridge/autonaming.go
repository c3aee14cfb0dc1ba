package main

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

// preset is what pulumi-aws fills in by itself and the dynamic bridge does not: the bridge names only what has a property "name".
type preset struct {
	property string
	prefix   string // of a generated name
	constant string // in place of a generated name
}

var presets = map[string]preset{
	"aws:cloudwatch/metricAlarm:MetricAlarm": {property: "name"},
	"aws:ec2/securityGroup:SecurityGroup":    {property: "description", constant: "Managed by Pulumi"},
	"aws:kms/alias:Alias":                    {property: "name", prefix: "alias/"},
	"aws:s3/bucket:Bucket":                   {property: "bucket"},
}

// fillIn gives a resource about to be checked what pulumi-aws would: the value of the deployed resource if there is one, or a new one.
func fillIn(token string, request *pulumirpc.CheckRequest) {
	rule, known := presets[token]
	if !known || request.News == nil {
		return
	}
	if request.News.Fields == nil {
		request.News.Fields = map[string]*structpb.Value{}
	}
	for _, property := range []string{rule.property, rule.property + "Prefix"} {
		if _, given := request.News.Fields[property]; given {
			return
		}
	}
	if old, deployed := request.Olds.GetFields()[rule.property]; deployed {
		request.News.Fields[rule.property] = old
		return
	}
	value := rule.constant
	if value == "" {
		digest := sha256.Sum256(append([]byte(request.Urn), request.RandomSeed...))
		value = rule.prefix + urn.URN(request.Urn).Name() + "-" + hex.EncodeToString(digest[:])[:7]
	}
	request.News.Fields[rule.property] = structpb.NewStringValue(value)
}

// setAside takes the prefix of a name out of a request, for the bridge would add a whole name and be told that the two conflict.
// What it gives puts the prefix in the name's place in the answer.
func setAside(request *pulumirpc.CheckRequest) func(*pulumirpc.CheckResponse) {
	prefix := request.News.GetFields()["namePrefix"]
	if prefix.GetStringValue() == "" {
		return func(*pulumirpc.CheckResponse) {}
	}
	delete(request.News.Fields, "namePrefix")
	return func(response *pulumirpc.CheckResponse) {
		if response.Inputs != nil {
			delete(response.Inputs.Fields, "name")
			response.Inputs.Fields["namePrefix"] = prefix
		}
	}
}
