package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// validator checks values against the part of JSON Schema 2020-12 that
// wiretale's schema uses; another keyword is a fault of the schema.
type validator struct {
	root     map[string]any
	patterns map[string]*regexp.Regexp
}

func newValidator(t *testing.T, schema []byte) *validator {
	t.Helper()
	v := &validator{patterns: map[string]*regexp.Regexp{}}
	if err := json.Unmarshal(schema, &v.root); err != nil {
		t.Fatal(err)
	}
	return v
}

// check returns what is wrong with x, at its place.
func (v *validator) check(schema map[string]any, x any, at string) error {
	for keyword, arg := range schema {
		if err := v.keyword(schema, keyword, arg, x, at); err != nil {
			return err
		}
	}
	return nil
}

func (v *validator) keyword(schema map[string]any, keyword string, arg, x any, at string) error {
	object, _ := x.(map[string]any)
	array, isArray := x.([]any)
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...))
	}
	sub := func(s any) map[string]any { m, _ := s.(map[string]any); return m }
	switch keyword {
	case "$schema", "$id", "$defs", "title", "description", "format", "then":
	case "$ref":
		name := strings.TrimPrefix(arg.(string), "#/$defs/")
		def, ok := v.root["$defs"].(map[string]any)[name].(map[string]any)
		if !ok {
			return bad("no definition %q", name)
		}
		return v.check(def, x, at)
	case "type":
		types, ok := arg.([]any)
		if !ok {
			types = []any{arg}
		}
		if !slices.ContainsFunc(types, func(t any) bool { return isType(t.(string), x) }) {
			return bad("%v is no %v", x, arg)
		}
	case "const":
		if x != arg {
			return bad("%v is not %v", x, arg)
		}
	case "enum":
		if !slices.Contains(arg.([]any), x) {
			return bad("%v is none of %v", x, arg)
		}
	case "minimum":
		if n, ok := x.(json.Number); ok {
			if f, _ := n.Float64(); f < arg.(float64) {
				return bad("%v is below %v", x, arg)
			}
		}
	case "pattern":
		re := v.patterns[arg.(string)]
		if re == nil {
			re = regexp.MustCompile(arg.(string))
			v.patterns[arg.(string)] = re
		}
		if s, ok := x.(string); ok && !re.MatchString(s) {
			return bad("%q does not match %v", s, arg)
		}
	case "properties":
		for name, s := range sub(arg) {
			if field, ok := object[name]; ok {
				if err := v.check(sub(s), field, at+"."+name); err != nil {
					return err
				}
			}
		}
	case "required":
		for _, name := range arg.([]any) {
			if _, ok := object[name.(string)]; object != nil && !ok {
				return bad("no %v", name)
			}
		}
	case "additionalProperties":
		for name, field := range object {
			if _, known := sub(schema["properties"])[name]; known {
				continue
			}
			if arg == false {
				return bad("%q is not in the schema", name)
			}
			if err := v.check(sub(arg), field, at+"."+name); err != nil {
				return err
			}
		}
	case "items":
		for i, e := range array {
			if err := v.check(sub(arg), e, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case "minItems":
		if isArray && len(array) < int(arg.(float64)) {
			return bad("%d items", len(array))
		}
	case "maxItems":
		if isArray && len(array) > int(arg.(float64)) {
			return bad("%d items", len(array))
		}
	case "allOf":
		for _, s := range arg.([]any) {
			if err := v.check(sub(s), x, at); err != nil {
				return err
			}
		}
	case "anyOf", "oneOf":
		ok := 0
		var errs []string
		for _, s := range arg.([]any) {
			if err := v.check(sub(s), x, at); err == nil {
				ok++
			} else {
				errs = append(errs, err.Error())
			}
		}
		if ok == 0 || keyword == "oneOf" && ok > 1 {
			return bad("%d of %s hold: %s", ok, keyword, strings.Join(errs, "; "))
		}
	case "if":
		if v.check(sub(arg), x, at) == nil {
			return v.check(sub(schema["then"]), x, at)
		}
	default:
		return bad("the keyword %q is not known here", keyword)
	}
	return nil
}

func isType(t string, x any) bool {
	switch x := x.(type) {
	case nil:
		return t == "null"
	case bool:
		return t == "boolean"
	case string:
		return t == "string"
	case []any:
		return t == "array"
	case map[string]any:
		return t == "object"
	case json.Number:
		return t == "number" || t == "integer" && !strings.ContainsAny(x.String(), ".eE")
	}
	return false
}

// lines checks each line of out and returns how many there are.
func (v *validator) lines(t *testing.T, name, def string, out []byte) int {
	t.Helper()
	n := 0
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 64<<20)
	for sc.Scan() {
		n++
		if !utf8.Valid(sc.Bytes()) {
			t.Errorf("%s: line %d is not UTF-8", name, n)
		}
		d := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		d.UseNumber()
		var x any
		err := d.Decode(&x)
		if err == nil {
			err = v.check(v.root["$defs"].(map[string]any)[def].(map[string]any), x, "line")
		}
		if err != nil {
			t.Errorf("%s: line %d: %v\n%s", name, n, err, sc.Bytes())
			return n
		}
	}
	return n
}

// everyKind asks decode for all there is.
const everyKind = "flow,tcp,dns,http,tcp.rtt,tcp.hol,flow.bytes"

func TestEveryLineIsOfTheSchema(t *testing.T) {
	v := newValidator(t, schema())
	files := []string{page}
	err := filepath.WalkDir("../../../shared/captures", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && !d.IsDir() && info.Size() < 200<<10 && !strings.HasSuffix(path, ".md") && !strings.HasSuffix(path, ".tsv") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Logf("only the repository's own capture is read: %v", err)
	}
	if testing.Short() {
		files = files[:min(len(files), 50)]
	}
	nevents, nrows := 0, 0
	for _, f := range files {
		var out, stderr bytes.Buffer
		if code := run([]string{"decode", "--json", "--hash", "--only", everyKind, f}, nil, &out, &stderr); code != exitOK && code != exitFault {
			t.Errorf("%s: exit code %d: %s", f, code, stderr.String())
		}
		nevents += v.lines(t, f, "event", out.Bytes())
		out.Reset()
		run([]string{"analyze", "--json", f}, nil, &out, &stderr)
		nrows += v.lines(t, f, "row", out.Bytes())
	}
	if nevents == 0 || nrows == 0 {
		t.Errorf("%d events and %d rows", nevents, nrows)
	}
	t.Logf("%d files: %d events and %d rows are of the schema", len(files), nevents, nrows)
}

// What is not of the schema is found: else the test above would say nothing.
func TestValidatorFindsFaults(t *testing.T) {
	v := newValidator(t, schema())
	good := `{"frame":1,"sub":0,"time":"2026-11-21T10:00:00.123456789Z","kind":"flow.gap","body":{"reason":"acked","bytes":1,"offset":0}}`
	if err := v.one(good); err != nil {
		t.Errorf("a good line: %v", err)
	}
	for _, change := range [][2]string{
		{`"frame":1`, `"frame":0`},
		{`"frame":1,`, ``},
		{`.123456789Z`, `.123Z`},
		{`flow.gap`, `flow.gop`},
		{`"bytes":1`, `"bytes":"1"`},
		{`"bytes":1`, `"bytes":1.5`},
		{`,"offset":0`, ``},
		{`"offset":0`, `"offset":0,"new":1`},
		{`"sub":0`, `"sub":0,"new":1`},
		{`flow.gap`, `flow.end`},
	} {
		line := strings.Replace(good, change[0], change[1], 1)
		if v.one(line) == nil {
			t.Errorf("taken: %s", line)
		}
	}
}

func (v *validator) one(line string) error {
	d := json.NewDecoder(strings.NewReader(line))
	d.UseNumber()
	var x any
	if err := d.Decode(&x); err != nil {
		return err
	}
	return v.check(v.root["$defs"].(map[string]any)["event"].(map[string]any), x, "line")
}

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Unsetenv("NO_COLOR")
	os.Exit(m.Run())
}
