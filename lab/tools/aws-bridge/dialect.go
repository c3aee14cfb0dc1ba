package main

import (
	"encoding/json"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"google.golang.org/protobuf/types/known/structpb"
)

// direction says whose property names a value is wanted in.
type direction int

const (
	toBridge direction = iota // from pulumi-aws's names to the bridge's
	toEngine                  // and back
	// toState adds pulumi-aws's names to the bridge's: what the bridge reads back out of a deployed resource's state must be
	// exactly what it wrote.
	toState
)

// property tells how the bridge spells one property of pulumi-aws.
type property struct {
	name   string      // in the bridge; the same name where empty
	listed bool        // the bridge holds in a list of one what pulumi-aws holds bare
	inner  propertySet // the properties of the object (or of each object of the list) under it
}

// propertySet holds the properties that the two spell differently, under pulumi-aws's names.
type propertySet map[string]property

// dialects lists every property of the served resources and functions that pulumi-aws spells differently, by pulumi-aws's token.
// Found by comparing the property types of the Python SDK with the schema that the bridge serves.
var dialects = map[string]propertySet{
	providerToken: {
		"assumeRoleWithWebIdentity": {name: "assumeRoleWithWebIdentities", listed: true},
		"defaultTags":               {listed: true},
		"ignoreTags":                {listed: true},
	},
	"aws:cloudwatch/metricAlarm:MetricAlarm":      {"name": {name: "alarmName"}},
	"aws:ec2/securityGroup:SecurityGroup":         {"ingress": {name: "ingresses"}, "egress": {name: "egresses"}},
	"aws:eks/getCluster:getCluster":               {"vpcConfig": {name: "vpcConfigs", listed: true}},
	"aws:index/getRegion:getRegion":               {"region": {name: "name"}},
	"aws:sns/topicSubscription:TopicSubscription": {"topic": {name: "topicArn"}},
	"aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {"rules": {inner: propertySet{
		"abortIncompleteMultipartUpload": {name: "abortIncompleteMultipartUploads", listed: true},
		"expiration":                     {name: "expirations", listed: true},
		"noncurrentVersionExpiration":    {name: "noncurrentVersionExpirations", listed: true},
		"filter": {name: "filters", listed: true, inner: propertySet{
			"and": {name: "ands", listed: true},
			"tag": {name: "tags", listed: true},
		}},
	}}},
}

// find looks a name up and gives the property with its name on the other side.
func (set propertySet) find(name string, to direction) (property, string) {
	if to == toBridge {
		found := set[name]
		if found.name == "" {
			return found, name
		}
		return found, found.name
	}
	for own, candidate := range set {
		if candidate.name == name || candidate.name == "" && own == name {
			return candidate, own
		}
	}
	return property{}, name
}

// translate gives an object with its properties spelt for the other side.
func (set propertySet) translate(object *structpb.Struct, to direction) *structpb.Struct {
	if object == nil || len(set) == 0 {
		return object
	}
	fields := make(map[string]*structpb.Value, len(object.Fields))
	for name, value := range object.Fields {
		known, other := set.find(name, to)
		_, both := object.Fields[other]
		switch {
		case other == name:
			fields[name] = known.translate(value, to)
		case to == toState:
			fields[name], fields[other] = value, known.translate(value, toEngine)
		case to == toEngine || !both:
			fields[other] = known.translate(value, to)
		}
	}
	return &structpb.Struct{Fields: fields}
}

func (p property) translate(value *structpb.Value, to direction) *structpb.Value {
	if text, isText := value.GetKind().(*structpb.Value_StringValue); isText && (p.listed || len(p.inner) > 0) {
		return structpb.NewStringValue(p.translateJSON(text.StringValue, to))
	}
	list := value.GetListValue()
	if p.listed && to != toBridge && list != nil {
		if len(list.Values) == 0 {
			return structpb.NewNullValue()
		}
		value, list = list.Values[0], nil
	}
	switch {
	case list != nil && len(p.inner) > 0:
		items := make([]*structpb.Value, len(list.Values))
		for i, item := range list.Values {
			items[i] = property{inner: p.inner}.translate(item, to)
		}
		value = structpb.NewListValue(&structpb.ListValue{Values: items})
	case value.GetStructValue() != nil:
		value = structpb.NewStructValue(p.inner.translate(value.GetStructValue(), to))
	}
	if _, null := value.GetKind().(*structpb.Value_NullValue); p.listed && to == toBridge && !null {
		value = structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{value}})
	}
	return value
}

// translateJSON translates the text of an object or list: the engine holds the nested settings of a provider in that form.
// Any other text (an unknown value has a text of its own) stays as it is.
func (p property) translateJSON(text string, to direction) string {
	var value structpb.Value
	if json.Unmarshal([]byte(text), &value) != nil || value.GetStructValue() == nil && value.GetListValue() == nil {
		return text
	}
	translated, err := json.Marshal(p.translate(&value, to))
	if err != nil {
		return text
	}
	return string(translated)
}

// translatePath does for the path of a property (in a diff, a check failure, ignoreChanges) what translate does for the property.
func (set propertySet) translatePath(text string, to direction) string {
	path, err := resource.ParsePropertyPath(text)
	if err != nil || len(set) == 0 {
		return text
	}
	translated := resource.PropertyPath{}
	for i := 0; i < len(path); i++ {
		name, isName := path[i].(string)
		if !isName {
			translated = append(translated, path[i])
			continue
		}
		known, other := set.find(name, to)
		translated, set = append(translated, other), known.inner
		if known.listed && to == toBridge {
			translated = append(translated, 0)
		}
		if known.listed && to != toBridge {
			i++
		}
	}
	return translated.String()
}
