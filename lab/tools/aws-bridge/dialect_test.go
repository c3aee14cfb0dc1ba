package main

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

const lifecycle = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"

func object(t *testing.T, text string) *structpb.Struct {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	made, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func expectEqual(t *testing.T, got, want *structpb.Struct) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestInputsAreSpeltForTheBridge(t *testing.T) {
	given := object(t, `{"bucket": "b", "rules": [{"id": "all", "filter": {"and": {"prefix": "a"}}, "expiration": {"days": 1}}]}`)
	want := object(t, `{"bucket": "b", "rules": [{"id": "all", "filters": [{"ands": [{"prefix": "a"}]}], "expirations": [{"days": 1}]}]}`)
	expectEqual(t, dialects[lifecycle].translate(given, toBridge), want)
	expectEqual(t, dialects[lifecycle].translate(want, toEngine), given)
}

func TestTheBridgeReadsBackExactlyTheStateThatItWrote(t *testing.T) {
	for token, text := range map[string]string{
		lifecycle:                             `{"rules": [{"filters": [], "expirations": [{"days": 1}], "abortIncompleteMultipartUploads": null}]}`,
		"aws:ec2/securityGroup:SecurityGroup": `{"name": "g", "ingresses": [{"fromPort": 1}], "egresses": []}`,
		"aws:kms/key:Key":                     `{"keyId": "k"}`,
	} {
		written := object(t, text)
		state := dialects[token].translate(written, toState)
		expectEqual(t, dialects[token].translate(state, toBridge), written)
	}
}

func TestAStateShowsTheNamesOfTheSDK(t *testing.T) {
	state := dialects["aws:ec2/securityGroup:SecurityGroup"].translate(object(t, `{"ingresses": [{"fromPort": 1}]}`), toState)
	if state.Fields["ingress"].GetListValue() == nil {
		t.Errorf("no ingress in %v", state)
	}
}

func TestNestedProviderSettingsAreTranslatedInTheirText(t *testing.T) {
	given := object(t, `{"region": "x", "defaultTags": "{\"tags\":{\"a\":\"b\"}}"}`)
	want := object(t, `{"region": "x", "defaultTags": "[{\"tags\":{\"a\":\"b\"}}]"}`)
	expectEqual(t, dialects[providerToken].translate(given, toBridge), want)
	expectEqual(t, dialects[providerToken].translate(want, toEngine), given)
}

func TestPathsAreTranslatedAsTheirPropertiesAre(t *testing.T) {
	engine, bridge := "rules[0].filter.and.prefix", "rules[0].filters[0].ands[0].prefix"
	if got := dialects[lifecycle].translatePath(engine, toBridge); got != bridge {
		t.Errorf("got %s, want %s", got, bridge)
	}
	if got := dialects[lifecycle].translatePath(bridge, toEngine); got != engine {
		t.Errorf("got %s, want %s", got, engine)
	}
}

func TestAnUnknownTokenIsRefusedByName(t *testing.T) {
	for token, translate := range map[string]func(string) (string, error){
		"aws:sqs/queue:Queue":       bridgeResource,
		"aws:sqs/getQueue:getQueue": bridgeFunction,
	} {
		if _, err := translate(token); err == nil || !strings.Contains(err.Error(), token) {
			t.Errorf("%s is not refused", token)
		}
	}
}

func TestTokensAreThoseOfTheBridge(t *testing.T) {
	got, err := bridgeResource("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
	if want := "aws:index/vpcSecurityGroupIngressRule:VpcSecurityGroupIngressRule"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	got, err = rewriteURN("urn:pulumi:dev::shop::flash:firewall:Firewall$aws:s3/bucket:Bucket::evidence")
	if want := "urn:pulumi:dev::shop::aws:index/s3Bucket:S3Bucket::evidence"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
