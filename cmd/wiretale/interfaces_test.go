package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/capture/live"
)

func TestInterfacesCommand(t *testing.T) {
	list, err := live.Interfaces()
	if err != nil || len(list) == 0 {
		t.Skipf("no interfaces: %v", err)
	}
	var out, stderr bytes.Buffer
	if code := run([]string{"interfaces"}, nil, &out, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Fatalf("code %d: %s", code, &stderr)
	}
	lines := strings.Split(strings.TrimRight(out.String(), "\n"), "\n")
	if len(lines) != len(list)+1 || !strings.HasPrefix(strings.TrimSpace(lines[0]), "index") {
		t.Fatalf("%d lines for %d interfaces:\n%s", len(lines), len(list), &out)
	}
	out.Reset()
	if code := run([]string{"interfaces", "--json"}, nil, &out, &stderr); code != exitOK {
		t.Fatalf("code %d: %s", code, &stderr)
	}
	n := 0
	for line := range strings.Lines(out.String()) {
		var i live.Interface
		if err := json.Unmarshal([]byte(line), &i); err != nil || i.Name != list[n].Name {
			t.Errorf("%s: %v", line, err)
		}
		n++
	}
	if n != len(list) {
		t.Errorf("%d lines for %d interfaces", n, len(list))
	}
	if code := run([]string{"interfaces", "eth0"}, nil, &out, &stderr); code != exitUsage {
		t.Errorf("an argument: code %d", code)
	}
}
