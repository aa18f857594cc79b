package main

import (
	"strings"
	"testing"
)

const passed = `{"Action":"start","Package":"m/b"}
{"Action":"run","Package":"m/b","Test":"TestX"}
{"Action":"output","Package":"m/b","Test":"TestX","Output":"=== RUN   TestX\n"}
{"Action":"pass","Package":"m/b","Test":"TestX"}
{"Action":"output","Package":"m/b","Output":"PASS\n"}
{"Action":"output","Package":"m/b","Output":"ok  \tm/b\t0.100s\n"}
{"Action":"pass","Package":"m/b"}
{"Action":"output","Package":"m/a","Output":"?   \tm/a\t[no test files]\n"}
{"Action":"skip","Package":"m/a"}
`

const skippedTest = `{"Action":"output","Package":"m/b","Test":"TestY","Output":"=== RUN   TestY\n"}
{"Action":"output","Package":"m/b","Test":"TestY","Output":"    y_test.go:7: tshark is not installed\n"}
{"Action":"output","Package":"m/b","Test":"TestY","Output":"--- SKIP: TestY (0.00s)\n"}
{"Action":"skip","Package":"m/b","Test":"TestY"}
`

const failed = `{"Action":"output","Package":"m/c","Test":"TestZ","Output":"=== RUN   TestZ\n"}
{"Action":"output","Package":"m/c","Test":"TestZ","Output":"    z_test.go:3: got 1\n"}
{"Action":"output","Package":"m/c","Test":"TestZ","Output":"--- FAIL: TestZ (0.00s)\n"}
{"Action":"fail","Package":"m/c","Test":"TestZ"}
{"Action":"output","Package":"m/c","Output":"FAIL\n"}
{"Action":"output","Package":"m/c","Output":"FAIL\tm/c\t0.020s\n"}
{"Action":"fail","Package":"m/c"}
`

const broken = `{"ImportPath":"m/d","Action":"build-output","Output":"d.go:1:1: syntax error\n"}
{"ImportPath":"m/d","Action":"build-fail"}
{"Action":"output","Package":"m/d","Output":"FAIL\tm/d [build failed]\n"}
{"Action":"fail","Package":"m/d","FailedBuild":"m/d"}
`

func TestTell(t *testing.T) {
	const ok = "?   \tm/a\t[no test files]\nok  \tm/b\t0.100s\n"
	for _, c := range []struct {
		name, in, allowed, want string
		ok                      bool
	}{
		{"passed", passed, "", ok, true},
		{"skipped", skippedTest + passed, "# none\n", "skipped, and not allowed to: m/b TestY y_test.go:7: tshark is not installed\n" + ok, false},
		{"skip allowed", skippedTest + passed, "\n^m/b TestY .*tshark\n", ok, true},
		{"failed", failed + passed, "", "    z_test.go:3: got 1\n--- FAIL: TestZ (0.00s)\nFAIL\n" + ok + "FAIL\tm/c\t0.020s\n", false},
		{"not built", broken + passed, "", "d.go:1:1: syntax error\n" + ok + "FAIL\tm/d [build failed]\n", false},
		{"not JSON", "go: no modules\n" + passed, "", "go: no modules\n" + ok, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			allowed, err := parseAllowed(c.allowed)
			if err != nil {
				t.Fatal(err)
			}
			var out strings.Builder
			got, err := tell(strings.NewReader(c.in), &out, allowed)
			if err != nil || got != c.ok || out.String() != c.want {
				t.Errorf("%v, %v, got\n%swant %v\n%s", got, err, &out, c.ok, c.want)
			}
		})
	}
}

func TestNothingTested(t *testing.T) {
	if ok, err := tell(strings.NewReader(""), new(strings.Builder), nil); ok || err == nil {
		t.Error("no package, and no error")
	}
}

func TestAllowedIsBroken(t *testing.T) {
	if _, err := parseAllowed("("); err == nil {
		t.Error("no error")
	}
}
