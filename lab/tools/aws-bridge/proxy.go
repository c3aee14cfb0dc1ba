package main

import (
	"context"
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/urn"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/structpb"
)

// version is the one of the SDK that the program imports: the engine asks for a plugin of exactly that version.
const version = "7.51.1"

const providerToken = "pulumi:providers:aws"

// proxy answers the engine as pulumi-aws would and passes everything else on to the bridge.
type proxy struct {
	bridge *grpc.ClientConn
}

// handle serves every method of pulumirpc.ResourceProvider: all are unary, and all their requests name what they are about
// in the fields urn, type and tok, so one piece of code serves them all.
func (p *proxy) handle(_ any, stream grpc.ServerStream) error {
	called, request, err := receive(resourceProvider, stream)
	if err != nil {
		return err
	}
	response, err := p.answer(stream.Context(), called, request)
	if err != nil {
		return err
	}
	return stream.SendMsg(response)
}

// call is one call of a service.
type call struct {
	path   string
	name   string
	output protoreflect.MessageDescriptor
}

var (
	resourceProvider = pulumirpc.File_pulumi_provider_proto.Services().ByName("ResourceProvider")
	engineService    = pulumirpc.File_pulumi_engine_proto.Services().ByName("Engine")
)

// receive reads the request of a unary call of a service.
func receive(service protoreflect.ServiceDescriptor, stream grpc.ServerStream) (call, proto.Message, error) {
	path, _ := grpc.MethodFromServerStream(stream)
	name := path[strings.LastIndex(path, "/")+1:]
	method := service.Methods().ByName(protoreflect.Name(name))
	if method == nil {
		return call{}, nil, status.Errorf(codes.Unimplemented, "%s is not served", path)
	}
	request, err := newMessage(method.Input())
	if err != nil {
		return call{}, nil, err
	}
	return call{path, name, method.Output()}, request, stream.RecvMsg(request)
}

// pass hands a call of a service on to the one that serves it. Without such, it answers it with nothing.
func pass(service protoreflect.ServiceDescriptor, stream grpc.ServerStream, to *grpc.ClientConn) error {
	called, request, err := receive(service, stream)
	if err != nil {
		return err
	}
	response, err := newMessage(called.output)
	if err != nil {
		return err
	}
	if to != nil {
		if err := to.Invoke(stream.Context(), called.path, request, response); err != nil {
			return err
		}
	}
	return stream.SendMsg(response)
}

func (p *proxy) answer(ctx context.Context, called call, request proto.Message) (proto.Message, error) {
	switch called.name {
	case "GetPluginInfo":
		return &pulumirpc.PluginInfo{Version: version}, nil
	case "GetSchema":
		return &pulumirpc.GetSchemaResponse{Schema: `{"name":"aws","version":"` + version + `"}`}, nil
	case "Handshake", "Parameterize", "Construct", "Call":
		// The engine falls back to the protocol without a handshake, which is all that the bridge needs.
		return nil, status.Errorf(codes.Unimplemented, "%s is not served", called.name)
	}
	token := subject(request.ProtoReflect())
	putBack := func(*pulumirpc.CheckResponse) {}
	if check, isCheck := request.(*pulumirpc.CheckRequest); isCheck {
		fillIn(token, check)
		putBack = setAside(check)
	}
	if err := rewriteTokens(request.ProtoReflect()); err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	dialects[token].rewrite(request.ProtoReflect(), toBridge)
	response, err := newMessage(called.output)
	if err != nil {
		return nil, err
	}
	if err := p.bridge.Invoke(ctx, called.path, request, response); err != nil {
		return nil, dialects[token].rewriteStatus(err)
	}
	if checked, isCheck := response.(*pulumirpc.CheckResponse); isCheck {
		putBack(checked)
	}
	dialects[token].rewrite(response.ProtoReflect(), toEngine)
	return response, nil
}

func newMessage(descriptor protoreflect.MessageDescriptor) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(descriptor.FullName())
	if err != nil {
		return nil, err
	}
	return kind.New().Interface(), nil
}

// subject gives the token of the resource, function or provider that a request is about, or nothing.
func subject(message protoreflect.Message) string {
	if _, isConfigure := message.Interface().(*pulumirpc.ConfigureRequest); isConfigure {
		return providerToken
	}
	if token := textField(message, "tok"); token != "" {
		return token
	}
	if text := textField(message, "urn"); text != "" {
		return string(urn.URN(text).Type())
	}
	return ""
}

func textField(message protoreflect.Message, name protoreflect.Name) string {
	field := message.Descriptor().Fields().ByName(name)
	if field == nil || field.Kind() != protoreflect.StringKind {
		return ""
	}
	return message.Get(field).String()
}

// rewriteTokens puts the bridge's names in place of pulumi-aws's. The provider itself is named alike by both.
func rewriteTokens(message protoreflect.Message) error {
	rewrites := map[protoreflect.Name]func(string) (string, error){
		"urn": rewriteURN, "type": rewriteType, "tok": bridgeFunction,
	}
	for name, rewrite := range rewrites {
		value := textField(message, name)
		if value == "" {
			continue
		}
		rewritten, err := rewrite(value)
		if err != nil {
			return err
		}
		message.Set(message.Descriptor().Fields().ByName(name), protoreflect.ValueOfString(rewritten))
	}
	return nil
}

func rewriteType(token string) (string, error) {
	if strings.HasPrefix(token, "pulumi:providers:") {
		return token, nil
	}
	return bridgeResource(token)
}

func rewriteURN(text string) (string, error) {
	parsed := urn.URN(text)
	token, err := rewriteType(string(parsed.Type()))
	if err != nil {
		return "", err
	}
	// The chain of parents is left out: the bridge has no use for it, and it holds names that the bridge does not know.
	return string(urn.New(parsed.Stack(), parsed.Project(), "", tokens.Type(token), parsed.Name())), nil
}

// rewrite spells all properties, and all paths of properties, that a message holds for the other side.
func (set propertySet) rewrite(message protoreflect.Message, to direction) {
	if len(set) == 0 {
		return
	}
	paths := func(texts []string) {
		for i, text := range texts {
			texts[i] = set.translatePath(text, to)
		}
	}
	switch concrete := message.Interface().(type) {
	case *pulumirpc.ConfigureRequest:
		for key, text := range concrete.Variables {
			prefix, name := key[:strings.LastIndex(key, ":")+1], key[strings.LastIndex(key, ":")+1:]
			known, other := set.find(name, to)
			delete(concrete.Variables, key)
			concrete.Variables[prefix+other] = known.translateJSON(text, to)
		}
	case *pulumirpc.DiffRequest:
		paths(concrete.IgnoreChanges)
	case *pulumirpc.UpdateRequest:
		paths(concrete.IgnoreChanges)
	case *pulumirpc.DiffResponse:
		paths(concrete.Replaces)
		paths(concrete.Diffs)
		detailed := make(map[string]*pulumirpc.PropertyDiff, len(concrete.DetailedDiff))
		for text, difference := range concrete.DetailedDiff {
			detailed[set.translatePath(text, to)] = difference
		}
		concrete.DetailedDiff = detailed
	case *pulumirpc.CheckResponse:
		for _, failure := range concrete.Failures {
			failure.Property = set.translatePath(failure.Property, to)
		}
	}
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Message() != nil && !field.IsList() && !field.IsMap() {
			if object, isStruct := value.Message().Interface().(*structpb.Struct); isStruct {
				way := to
				if to == toEngine && (field.Name() == "properties" || field.Name() == "return") {
					way = toState
				}
				message.Set(field, protoreflect.ValueOfMessage(set.translate(object, way).ProtoReflect()))
			}
		}
		return true
	})
}

// rewriteStatus passes an error of the bridge on with its details, which carry the properties of a resource that was created but not finished.
func (set propertySet) rewriteStatus(failure error) error {
	state, isStatus := status.FromError(failure)
	if !isStatus {
		return failure
	}
	rewritten := status.New(state.Code(), state.Message()).Proto()
	for _, detail := range state.Proto().Details {
		if message, err := detail.UnmarshalNew(); err == nil {
			set.rewrite(message.ProtoReflect(), toEngine)
			if err := detail.MarshalFrom(message); err != nil {
				return failure
			}
		}
		rewritten.Details = append(rewritten.Details, detail)
	}
	return status.ErrorProto(rewritten)
}
