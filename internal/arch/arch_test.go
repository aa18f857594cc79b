package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/wiretale/wiretale"

// mayImport is the table of the architecture: what the packages of a folder
// may import of this module, besides those of the folder itself. A folder's
// rule holds for its sub-folders, and the longest one that fits counts.
var mayImport = map[string][]string{
	"events":            {},
	"capture":           {"events"},
	"flows":             {"capture", "events", "decoders"},
	"decoders":          {"events"},
	"analyzers":         {"events"},
	"report":            {"analyzers", "events"},
	"replay":            {"capture", "events"},
	"internal/arch":     {},
	"internal/pipeline": {"events", "capture", "flows", "decoders", "analyzers", "report", "replay", "internal"},
	"internal":          {"events", "capture", "flows", "decoders", "analyzers", "report", "replay", "internal"},
	"cmd":               {"events", "capture", "flows", "decoders", "analyzers", "report", "replay", "internal", "docs"},
	"pcaps":             {},
	"docs":              {},
}

// onlyIn are modules that are fenced off: the folders that may import them.
var onlyIn = map[string][]string{
	"github.com/google/gopacket":                {"capture", "flows"},
	"github.com/miekg/dns":                      {"decoders/dns", "analyzers/dnssec", "internal/rerun", "replay"},
	"gvisor.dev/gvisor":                         {"replay"},
	"github.com/quic-go/quic-go":                {"internal/rerun", "replay"},
	"github.com/spf13/pflag":                    {"cmd"},
	"golang.org/x/term":                         {"cmd"},
	"github.com/landlock-lsm/go-landlock":       {"internal/privilege"},
	"kernel.org/pub/linux/libs/security/libcap": {"internal/privilege"},
	"github.com/google/go-cmp":                  {"decoders/decodertest", "analyzers/foldtest"},
	"pgregory.net/rapid":                        {"decoders/decodertest", "analyzers/foldtest"},
	"testing":                                   {"decoders/decodertest", "analyzers/foldtest", "internal/replaytest"},
	"github.com/andybalholm/brotli":             {"decoders"},
	"golang.org/x/net/http2":                    {"decoders/http2", "internal/rerun", "replay"},
	"golang.org/x/net/publicsuffix":             {"analyzers/sites", "analyzers/dnsmapping", "analyzers/dnsthreat", "replay"},
	"golang.org/x/net/bpf":                      {"capture"},
	"github.com/charmbracelet/bubbletea":        {"internal/screen"},
}

// pure are the folders of protocols and questions: no I/O, no goroutine, no
// clock, no lock.
var pure = []string{"decoders", "analyzers"}

// notPure are parts of those folders that are not themselves a protocol or a
// question: the tests' laws, and the engines.
var notPure = []string{"decoders/decodertest", "analyzers/foldtest", "analyzers"}

var impureImports = []string{
	"os", "os/exec", "os/signal", "net", "net/http", "log", "log/slog", "sync", "sync/atomic", "context",
	"math/rand", "math/rand/v2", "crypto/rand", "unsafe", "syscall", "golang.org/x/sys/unix", "testing",
}

// usesAgain are exceptions: that something is used again there does not show.
var usesAgain = map[string]string{"decoders/content": "sync"} // decompressors at rest

// source is one Go file of the repository.
type source struct {
	path string // from the root, with slashes
	dir  string
	test bool
	file *ast.File
	fset *token.FileSet
}

func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var out []source
	fset := token.NewFileSet()
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if name := d.Name(); path != root && (name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := rel[:max(strings.LastIndexByte(rel, '/'), 0)]
		out = append(out, source{path: rel, dir: dir, test: strings.HasSuffix(rel, "_test.go"), file: f, fset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 10 {
		t.Fatalf("only %d files found under %s", len(out), root)
	}
	return out
}

// within reports whether dir is folder or lies in it.
func within(dir, folder string) bool {
	return dir == folder || strings.HasPrefix(dir, folder+"/")
}

func withinAny(dir string, folders []string) bool {
	return slices.ContainsFunc(folders, func(f string) bool { return within(dir, f) })
}

// ruleOf is the longest folder of mayImport that dir lies in.
func ruleOf(dir string) (folder string, ok bool) {
	for f := range mayImport {
		if within(dir, f) && len(f) >= len(folder) {
			folder, ok = f, true
		}
	}
	return folder, ok
}

func (s *source) imports() []string {
	var out []string
	for _, i := range s.file.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

func TestImportsRunLeftToRight(t *testing.T) {
	for _, s := range sources(t) {
		folder, ok := ruleOf(s.dir)
		if !ok {
			t.Errorf("%s: the architecture has no such folder", s.path)
			continue
		}
		if s.test {
			continue
		}
		for _, imp := range s.imports() {
			of, ours := strings.CutPrefix(imp, module+"/")
			switch {
			case ours && !within(of, folder) && !withinAny(of, mayImport[folder]):
				t.Errorf("%s imports %s: %s may import %v only", s.path, of, folder, mayImport[folder])
			case !ours && folder == "events" && strings.Contains(imp, "."):
				t.Errorf("%s imports %s: events may import the standard library only", s.path, imp)
			}
		}
	}
}

// flows knows the contract of the decoders, not the protocols.
func TestFlowsKnowsNoProtocol(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !within(s.dir, "flows") {
			continue
		}
		for _, imp := range s.imports() {
			if strings.HasPrefix(imp, module+"/decoders/") {
				t.Errorf("%s imports %s", s.path, imp)
			}
		}
	}
}

// shared are packages among the protocols that are none themselves: a notation
// that several protocols are written in, the codings of bodies.
var shared = []string{"decoders/bencode", "decoders/peerid", "decoders/content", "analyzers/btpeers", "analyzers/dnsopen", "analyzers/holes", "analyzers/session", "analyzers/sites", "analyzers/httpopen", "analyzers/httpfresh", "analyzers/weburl", "analyzers/weblinks"}

// No protocol imports another, and no question another; the contract imports
// none of them. Only the list (all) does.
func TestProtocolsAndQuestionsStandAlone(t *testing.T) {
	for _, s := range sources(t) {
		for _, folder := range pure {
			if s.test || !within(s.dir, folder) || s.dir == folder+"/all" {
				continue
			}
			for _, imp := range s.imports() {
				of, ours := strings.CutPrefix(imp, module+"/")
				if !ours || !within(of, folder) || of == folder || slices.Contains(shared, of) {
					continue
				}
				// A protocol's own sub-folders are its own.
				own := s.dir != folder && within(of, folder+"/"+part(s.dir, folder))
				if !own {
					t.Errorf("%s imports %s", s.path, of)
				}
			}
		}
	}
}

// part is the first folder of dir below folder.
func part(dir, folder string) string {
	p, _, _ := strings.Cut(strings.TrimPrefix(dir, folder+"/"), "/")
	return p
}

func TestModulesAreFencedOff(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		for _, imp := range s.imports() {
			for mod, folders := range onlyIn {
				if within(imp, mod) && !withinAny(s.dir, folders) {
					t.Errorf("%s imports %s: only %v may", s.path, imp, folders)
				}
			}
		}
	}
}

// No registration from afar: no init, no blank import.
func TestNothingRegistersItself(t *testing.T) {
	for _, s := range sources(t) {
		for _, i := range s.file.Imports {
			if i.Name != nil && (i.Name.Name == "_" || i.Name.Name == ".") {
				t.Errorf("%s imports %s as %s", s.path, i.Path.Value, i.Name.Name)
			}
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: func init", s.fset.Position(f.Pos()))
			}
		}
	}
}

// Protocols and questions are pure: what they know comes in by arguments.
func TestDecodersAndAnalyzersArePure(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !withinAny(s.dir, pure) || slices.ContainsFunc(notPure, func(f string) bool {
			return s.dir == f || f != "analyzers" && within(s.dir, f)
		}) {
			continue
		}
		for _, imp := range s.imports() {
			if slices.Contains(impureImports, imp) && usesAgain[s.dir] != imp {
				t.Errorf("%s imports %s", s.path, imp)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s: a goroutine", s.fset.Position(n.Pos()))
			case *ast.SelectorExpr:
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "Tick", "NewTimer", "NewTicker"}, n.Sel.Name) {
					t.Errorf("%s: a clock", s.fset.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// In events, one file uses unsafe.
func TestUnsafeInEvents(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir == "events" && s.path != "events/json.go" && slices.Contains(s.imports(), "unsafe") {
			t.Errorf("%s imports unsafe", s.path)
		}
	}
}

// A package's doc sentence is there.
func TestPackagesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test {
			documented[s.dir] = documented[s.dir] || s.file.Doc != nil
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}
