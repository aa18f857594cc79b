package events

import (
	"encoding/json"
	"reflect"
	"slices"
)

// KindBody is a kind and a zero value of the body that it names.
type KindBody struct {
	Kind Kind
	Body Body
}

// Bodies lists every kind that may be printed with its body, in order of Kinds.
func Bodies() []KindBody {
	list := []Body{
		&FlowStart{}, &FlowEnd{}, &FlowDetected{}, &FlowViolation{}, &FlowGap{}, &FlowDropped{}, &FlowLimit{}, &FlowBytes{},
		&TCPSegment{Mark: KindTCPRetransmission}, &TCPSegment{Mark: KindTCPOutOfOrder}, &TCPSegment{Mark: KindTCPLost},
		&TCPSegment{Mark: KindTCPDuplicateACK}, &TCPSegment{Mark: KindTCPZeroWindow}, &TCPSegment{Mark: KindTCPKeepAlive},
		&TCPRTT{}, &TCPHOL{},
		&DNSMessage{},
		&HTTPRequest{}, &HTTPResponse{}, &HTTPBody{},
		&HTTP2Frame{}, &GRPCMessage{}, &WebSocketFrame{},
		&SMTPCommand{}, &SMTPReply{}, &POP3Command{}, &POP3Reply{}, &IMAPCommand{}, &IMAPResponse{},
		&FTPCommand{}, &FTPReply{}, &FTPData{}, &MailMessage{},
		&BitTorrentHandshake{}, &BitTorrentMessage{}, &TrackerRequest{}, &TrackerResponse{}, &BitTorrentLSD{}, &DHTMessage{}, &UTPSegment{},
		&TLSClientHello{}, &TLSServerHello{}, &TLSCertificate{}, &TLSAlert{}, &TLSHandshake{},
		&QUICPacket{},
	}
	out := make([]KindBody, len(list))
	for i, b := range list {
		out[i] = KindBody{b.Kind(), b}
	}
	return out
}

// RowType describes the rows of one analysis for the schema.
type RowType struct {
	Name, Doc string
	Value     any // a zero value of what its rows hold
}

// SchemaID names the schema of this version of the contract.
const SchemaID = "https://github.com/wiretale/wiretale/schema/v1"

// Schema is the JSON Schema (2020-12) of every line that wiretale prints as
// JSON: events (decode --json) and rows (analyze --json). It is read from the
// same plans that write the lines.
func Schema(rows []RowType) []byte {
	s := schema{defs: map[string]any{}}
	eventProps := obj(
		"frame", typed("integer", "minimum", 1, "description", "number of the packet that completed the message, from 1, as in Wireshark"),
		"sub", typed("integer", "minimum", 0, "description", "place among the events of this frame"),
		"time", dateTime("capture time of the packet"),
		"proto", typed("string", "description", "IP protocol of the flow"),
		"stream", typed("integer", "minimum", 0, "description", "Wireshark's tcp.stream or udp.stream"),
		"client", typed("string", "description", "address and port of the client"),
		"server", typed("string", "description", "address and port of the server"),
		"community_id", typed("string", "pattern", "^1:", "description", "Community ID v1, seed 0"),
		"layer", typed("string", "description", "path from the flow to the speaker"),
		"from", obj("enum", []string{"client", "server"}, "description", "who spoke"),
		"kind", obj(),
		"body", typed("object"),
		"truncated", obj("const", true, "description", "a field was not captured and is left out"),
		"escaped", obj("const", true, "description", `text that is not UTF-8 is written as \xNN`),
	)
	var kinds []string
	var cases []any
	for _, b := range Bodies() {
		name := b.Kind.String()
		kinds = append(kinds, name)
		cases = append(cases, choice("kind", name, "body", s.of(planOf(reflect.TypeOf(b.Body)).elem)))
	}
	eventProps["kind"] = obj("enum", kinds)
	s.defs["event"] = obj("title", "a line of decode --json", "type", "object", "properties", eventProps,
		"required", []string{"frame", "sub", "time", "kind", "body"}, "additionalProperties", false, "allOf", cases)

	var names []string
	cases = []any{}
	for _, r := range rows {
		names = append(names, r.Name)
		value := s.of(planOf(reflect.TypeOf(r.Value)))
		if r.Doc != "" {
			value = obj("description", r.Doc, "allOf", []any{value})
		}
		cases = append(cases, choice("analysis", r.Name, "value", value))
	}
	s.defs["row"] = obj("title", "a line of analyze --json", "type", "object", "properties", obj(
		"analysis", obj("enum", append([]string{}, names...)),
		"key", typed("string", "description", "what the answer is about"),
		"frame", typed("integer", "minimum", 0, "description", "the frame at which the answer was known"),
		"time", dateTime("capture time of that frame"),
		"value", obj(),
	), "required", []string{"analysis", "key", "frame", "time", "value"}, "additionalProperties", false, "allOf", cases)

	out, err := json.MarshalIndent(obj(
		"$schema", "https://json-schema.org/draft/2020-12/schema",
		"$id", SchemaID,
		"title", "a line of wiretale's JSON",
		"oneOf", []any{ref("event"), ref("row")},
		"$defs", s.defs,
	), "", "  ")
	if err != nil {
		panic(err) // it holds nothing that cannot be written
	}
	return append(out, '\n')
}

// schema gathers the structs that the lines are made of, each under its name.
type schema struct {
	defs map[string]any
}

// obj makes an object of names and values in turn.
func obj(kv ...any) map[string]any {
	m := make(map[string]any, len(kv)/2)
	for i := 0; i < len(kv); i += 2 {
		m[kv[i].(string)] = kv[i+1]
	}
	return m
}

func typed(t string, kv ...any) map[string]any { return obj(append([]any{"type", t}, kv...)...) }

func ref(name string) map[string]any { return obj("$ref", "#/$defs/"+name) }

func dateTime(doc string) map[string]any {
	return typed("string", "format", "date-time", "pattern", `^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$`, "description", doc)
}

// choice says: where the field by is name, the field is is as of says.
func choice(by, name, is string, of map[string]any) map[string]any {
	return obj(
		"if", obj("properties", obj(by, obj("const", name)), "required", []string{by}),
		"then", obj("properties", obj(is, of)),
	)
}

func orNull(m map[string]any) map[string]any {
	return obj("anyOf", []any{m, typed("null")})
}

// of is the schema of what p writes.
func (s *schema) of(p *plan) map[string]any {
	switch p.op {
	case opBool:
		return typed("boolean")
	case opInt8, opInt16, opInt32, opInt64:
		return typed("integer")
	case opUint8, opUint16, opUint32, opUint64:
		return typed("integer", "minimum", 0)
	case opFloat32, opFloat64:
		return obj("type", []string{"number", "null"})
	case opDuration:
		return typed("number", "description", "seconds")
	case opTime:
		return dateTime("capture time")
	case opString, opEnum, opAppendText, opText, opBytes:
		return typed("string")
	case opHeaders:
		return typed("array", "items", typed("array", "items", typed("string"), "minItems", 2, "maxItems", 2))
	case opSlice:
		return typed("array", "items", s.of(p.elem))
	case opArray:
		return typed("array", "items", s.of(p.elem), "minItems", p.n, "maxItems", p.n)
	case opPointer:
		return orNull(s.of(p.elem))
	case opMap:
		return typed("object", "additionalProperties", s.of(p.elem))
	case opStruct:
		return s.structOf(p)
	}
	return obj() // anything
}

func (s *schema) structOf(p *plan) map[string]any {
	name := defName(p.typ)
	if name != "" {
		if _, ok := s.defs[name]; ok {
			return ref(name)
		}
		s.defs[name] = true // a struct may hold itself
	}
	props := map[string]any{}
	required := []string{}
	for _, f := range p.fields {
		fs := s.of(f.plan)
		if f.omit != omitNever && f.plan.op == opPointer {
			fs = s.of(f.plan.elem) // nil is left out, so null is not there
		}
		if f.doc != "" {
			fs = obj("description", f.doc, "allOf", []any{fs})
		}
		props[f.key] = fs
		if f.omit == omitNever {
			required = append(required, f.key)
		}
	}
	slices.Sort(required)
	def := obj("type", "object", "properties", props, "required", required, "additionalProperties", false)
	if name == "" {
		return def
	}
	s.defs[name] = def
	return ref(name)
}

// defName is the name of a struct among the definitions: that of its package
// and type. A struct without a name has none.
func defName(t reflect.Type) string {
	if t.Name() == "" {
		return ""
	}
	return t.String()
}
