// Command ci reads the output of `go test -json` and prints it as `go test`
// does. It fails when a test failed, or was skipped for a reason that is not
// in the list of allowed ones: a test that is skipped in silence checks
// nothing. It must not run anything itself.
//
//	go test -json ./... | go run ./internal/ci .ci/skips
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | ci FILE-OF-ALLOWED-SKIPS")
		os.Exit(2)
	}
	list, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "ci:", err)
		os.Exit(2)
	}
	allowed, err := parseAllowed(string(list))
	if err != nil {
		fmt.Fprintf(os.Stderr, "ci: %s: %v\n", os.Args[1], err)
		os.Exit(2)
	}
	ok, err := tell(os.Stdin, os.Stdout, allowed)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ci:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// event is one line of go test -json (go doc test2json).
type event struct {
	Action, Package, ImportPath, Test, Output string
}

type name struct{ pkg, test string }

// allow is one line of the list: tests whose "package test reason" matches
// may be skipped.
type allow struct{ *regexp.Regexp }

// parseAllowed reads one regular expression a line; # begins a comment.
func parseAllowed(list string) (out []allow, err error) {
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		re, err := regexp.Compile(line)
		if err != nil {
			return nil, err
		}
		out = append(out, allow{re})
	}
	return out, nil
}

// tell prints what a person needs to see of the events in r: everything of
// tests that failed, skips, and one line a package, last, in order.
func tell(r io.Reader, w io.Writer, allowed []allow) (ok bool, err error) {
	ok = true
	output := map[name][]string{}
	var results, skipped []string
	packages := 0
	in := bufio.NewScanner(r)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			fmt.Fprintln(w, in.Text()) // a message of the go command itself
			ok = false
			continue
		}
		n := name{e.Package, e.Test}
		switch e.Action {
		case "output":
			output[n] = append(output[n], e.Output)
		case "build-output":
			fmt.Fprint(w, e.Output)
		case "build-fail":
			ok = false
		case "skip":
			if e.Test != "" {
				if s := skip(n, output[n], allowed); s != "" {
					skipped = append(skipped, s)
					ok = false
				}
			}
			fallthrough
		case "pass":
			if e.Test == "" {
				packages++
				results = append(results, last(output[n]))
			}
			delete(output, n)
		case "fail":
			ok = false
			for _, s := range output[n] {
				if !strings.HasPrefix(s, "=== ") && (e.Test != "" || !result(s)) {
					fmt.Fprint(w, s)
				}
			}
			if e.Test == "" {
				packages++
				results = append(results, last(output[n]))
			}
			delete(output, n)
		}
	}
	if err := in.Err(); err != nil {
		return false, err
	}
	for _, s := range skipped {
		fmt.Fprintln(w, s)
	}
	if packages == 0 {
		return false, fmt.Errorf("no package was tested")
	}
	slices.SortStableFunc(results, func(a, b string) int { return strings.Compare(key(a), key(b)) })
	for _, s := range results {
		fmt.Fprint(w, s)
	}
	return ok, nil
}

// skip is the message about a skipped test, "" where it is allowed.
func skip(n name, output []string, allowed []allow) string {
	var reason []string
	for _, s := range output {
		if s = strings.TrimSpace(s); s != "" && !strings.HasPrefix(s, "=== ") && !strings.HasPrefix(s, "--- ") {
			reason = append(reason, s)
		}
	}
	s := n.pkg + " " + n.test + " " + strings.Join(reason, " ")
	if slices.ContainsFunc(allowed, func(a allow) bool { return a.MatchString(s) }) {
		return ""
	}
	return "skipped, and not allowed to: " + s
}

// result reports whether s is the line that go test prints for a package.
func result(s string) bool {
	for _, p := range []string{"ok  \t", "FAIL\t", "?   \t", "---\t"} {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return strings.HasPrefix(s, "\t") && strings.Contains(s, "coverage:")
}

// last is the package's result line.
func last(output []string) string {
	for _, s := range slices.Backward(output) {
		if result(s) {
			return s
		}
	}
	return ""
}

// key orders results by package, failures last, where a person looks first.
func key(s string) string {
	if strings.HasPrefix(s, "FAIL") {
		return "1" + s
	}
	_, pkg, _ := strings.Cut(s, "\t")
	return "0" + pkg
}
