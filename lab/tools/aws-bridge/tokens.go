package main

import (
	"fmt"
	"sort"
	"strings"
)

// resources maps pulumi-aws's resource tokens to the names that Terraform gives the same resources.
// An explicit table, because pulumi-aws's modules (ec2, vpc, cloudwatch...) are chosen by hand and follow no rule.
var resources = map[string]string{
	"aws:athena/namedQuery:NamedQuery":                                                       "athena_named_query",
	"aws:athena/workgroup:Workgroup":                                                         "athena_workgroup",
	"aws:cloudwatch/contributorInsightRule:ContributorInsightRule":                           "cloudwatch_contributor_insight_rule",
	"aws:cloudwatch/dashboard:Dashboard":                                                     "cloudwatch_dashboard",
	"aws:cloudwatch/logGroup:LogGroup":                                                       "cloudwatch_log_group",
	"aws:cloudwatch/logMetricFilter:LogMetricFilter":                                         "cloudwatch_log_metric_filter",
	"aws:cloudwatch/logResourcePolicy:LogResourcePolicy":                                     "cloudwatch_log_resource_policy",
	"aws:cloudwatch/metricAlarm:MetricAlarm":                                                 "cloudwatch_metric_alarm",
	"aws:cloudwatch/queryDefinition:QueryDefinition":                                         "cloudwatch_query_definition",
	"aws:ec2/flowLog:FlowLog":                                                                "flow_log",
	"aws:ec2/managedPrefixList:ManagedPrefixList":                                            "ec2_managed_prefix_list",
	"aws:ec2/managedPrefixListEntry:ManagedPrefixListEntry":                                  "ec2_managed_prefix_list_entry",
	"aws:ec2/networkInterface:NetworkInterface":                                              "network_interface",
	"aws:ec2/securityGroup:SecurityGroup":                                                    "security_group",
	"aws:ec2/securityGroupRule:SecurityGroupRule":                                            "security_group_rule",
	"aws:ec2/subnet:Subnet":                                                                  "subnet",
	"aws:ec2/vpc:Vpc":                                                                        "vpc",
	"aws:glue/catalogDatabase:CatalogDatabase":                                               "glue_catalog_database",
	"aws:glue/catalogTable:CatalogTable":                                                     "glue_catalog_table",
	"aws:iam/policy:Policy":                                                                  "iam_policy",
	"aws:iam/role:Role":                                                                      "iam_role",
	"aws:iam/rolePolicy:RolePolicy":                                                          "iam_role_policy",
	"aws:iam/rolePolicyAttachment:RolePolicyAttachment":                                      "iam_role_policy_attachment",
	"aws:kms/alias:Alias":                                                                    "kms_alias",
	"aws:kms/key:Key":                                                                        "kms_key",
	"aws:kms/keyPolicy:KeyPolicy":                                                            "kms_key_policy",
	"aws:s3/bucket:Bucket":                                                                   "s3_bucket",
	"aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration":                       "s3_bucket_lifecycle_configuration",
	"aws:s3/bucketMetric:BucketMetric":                                                       "s3_bucket_metric",
	"aws:s3/bucketOwnershipControls:BucketOwnershipControls":                                 "s3_bucket_ownership_controls",
	"aws:s3/bucketPolicy:BucketPolicy":                                                       "s3_bucket_policy",
	"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock":                                 "s3_bucket_public_access_block",
	"aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "s3_bucket_server_side_encryption_configuration",
	"aws:s3/bucketVersioning:BucketVersioning":                                               "s3_bucket_versioning",
	"aws:sns/topic:Topic":                                                                    "sns_topic",
	"aws:sns/topicPolicy:TopicPolicy":                                                        "sns_topic_policy",
	"aws:sns/topicSubscription:TopicSubscription":                                            "sns_topic_subscription",
	"aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule":                                "vpc_security_group_egress_rule",
	"aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule":                              "vpc_security_group_ingress_rule",
}

// functions maps pulumi-aws's function tokens to Terraform's data sources.
var functions = map[string]string{
	"aws:ec2/getManagedPrefixList:getManagedPrefixList":   "ec2_managed_prefix_list",
	"aws:ec2/getManagedPrefixLists:getManagedPrefixLists": "ec2_managed_prefix_lists",
	"aws:ec2/getSecurityGroup:getSecurityGroup":           "security_group",
	"aws:ec2/getSecurityGroups:getSecurityGroups":         "security_groups",
	"aws:ec2/getSubnet:getSubnet":                         "subnet",
	"aws:ec2/getSubnets:getSubnets":                       "subnets",
	"aws:ec2/getVpc:getVpc":                               "vpc",
	"aws:ec2/getVpcs:getVpcs":                             "vpcs",
	"aws:eks/getCluster:getCluster":                       "eks_cluster",
	"aws:iam/getPolicyDocument:getPolicyDocument":         "iam_policy_document",
	"aws:index/getCallerIdentity:getCallerIdentity":       "caller_identity",
	"aws:index/getPartition:getPartition":                 "partition",
	"aws:index/getRegion:getRegion":                       "region",
	"aws:s3/getBucket:getBucket":                          "s3_bucket",
}

// bridgeResource turns a token of pulumi-aws into the one under which the bridge serves the same resource.
func bridgeResource(token string) (string, error) {
	name, known := resources[token]
	if !known {
		return "", unknownToken("resource", token)
	}
	camel := camelCase(name)
	return "aws:index/" + camel + ":" + strings.ToUpper(camel[:1]) + camel[1:], nil
}

// bridgeFunction does for a function what bridgeResource does for a resource.
func bridgeFunction(token string) (string, error) {
	name, known := functions[token]
	if !known {
		return "", unknownToken("function", token)
	}
	camel := camelCase("get_" + name)
	return "aws:index/" + camel + ":" + camel, nil
}

func unknownToken(kind, token string) error {
	return fmt.Errorf("the lab's AWS plugin has no %s %q: add it to lab/tools/aws-bridge/tokens.go", kind, token)
}

func camelCase(name string) string {
	words := strings.Split(name, "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// terraformNames lists what the bridge has to serve: mapping the provider's other thousand resources would take it a second.
func terraformNames() []string {
	unique := map[string]bool{}
	for _, table := range []map[string]string{resources, functions} {
		for _, name := range table {
			unique["aws_"+name] = true
		}
	}
	names := make([]string, 0, len(unique))
	for name := range unique {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
