package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/internal/sidebyside"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/onto"
	"github.com/wiretale/wiretale/replay/truth"
	"github.com/wiretale/wiretale/report"
)

func replayCommand() *command {
	return &command{
		name: "replay", args: "[SCENARIO | FILE]",
		short: "make a capture whose truth is known",
		long: `Replay lets real implementations talk over a simulated network, and writes the
capture and what truly happened. Without a scenario it lists all; with one,
--help tells what it shows. With --onto it puts the packets of a capture on an
interface instead.`,
		examples: [][2]string{
			{"wiretale replay --list", "the scenarios"},
			{"wiretale replay page --help", "what one of them shows"},
			{"wiretale replay page -w page.pcapng --truth page.json", "a web page with ten images"},
			{"wiretale replay page --compare", "what happened, beside what Wireshark and wiretale make of it"},
			{"wiretale replay page --rtt 80ms --loss 1% --rate 10mbit -w - | wiretale analyze -", "the same over a worse network, analyzed at once"},
			{"wiretale replay page --real", "the same on the kernel's sockets, for a Wireshark that watches lo"},
			{"wiretale replay --from capture.pcapng --rtt 80ms -w again.pcapng", "a capture's exchanges again, over another network"},
			{"wiretale replay --from capture.pcapng --as http2 --rtt 100ms --loss 1%", "its pages over HTTP/2, 100 ms away, with losses"},
			{"wiretale replay --onto eth0 --speed 2x capture.pcapng", "a capture's packets onto an interface, twice as fast"},
		},
		words:  scenarioNames,
		values: map[string]func() []string{"at": positions},
		about:  aboutScenario,
		setup: func(c *call) func() error {
			var r replayFlags
			r.define(c)
			return func() error { return r.run(c) }
		},
	}
}

// replayFlags are the flags of replay.
type replayFlags struct {
	list, compare          bool
	capture, truth, keylog string
	o                      replay.Options

	rerun       rerunFlags
	onto, speed string
	pps, mbps   float64
}

func (r *replayFlags) define(c *call) {
	f, o := c.flags, &r.o
	f.BoolVar(&r.list, "list", false, "list the scenarios")
	f.StringVarP(&r.capture, "write", "w", "", "`file` for the capture (- is standard output)")
	f.StringVar(&r.truth, "truth", "", "`file` for the truth, in JSON")
	f.StringVar(&r.keylog, "keylog", "", "`file` for the secrets of TLS and QUIC (they are in the capture too)")
	f.BoolVar(&r.compare, "compare", false, "show the truth beside what Wireshark and wiretale make of the capture")
	f.DurationVar(&o.RTT, "rtt", 0, "round-trip time to the main server (0: as the scenario says)")
	f.Var(&textFlag[int64]{&o.Rate, replay.ParseRate, replay.RateText}, "rate", "`rate` of the main link each way: 10mbit, 1.54Mb/s, 500kbit (default: as the scenario says)")
	f.Var(&textFlag[float64]{&o.Loss, replay.ParseShare, replay.ShareText}, "loss", "`share` of packets lost on the main link: 1%, 0.01")
	f.DurationVar(&o.Jitter, "jitter", 0, "at most so much more delay on the main link; order is kept")
	f.Var(&textFlag[float64]{&o.Reorder, replay.ParseShare, replay.ShareText}, "reorder", "`share` of packets on the main link that the next one overtakes")
	f.Uint32Var(&o.MTU, "mtu", 0, "`bytes` of the largest IP packet (0: 1500)")
	f.Float64Var(&o.TimeScale, "time-scale", 0, "`seconds` of the scenario's own timers in one second (0: as the scenario says)")
	f.BoolVar(&o.TLS, "tls", false, "put what can also go in clear under TLS")
	f.BoolVar(&o.Real, "real", false, "play on the kernel's sockets on the loopback, for who captures there (no -w; the network is as it is)")
	f.Uint64Var(&o.Seed, "seed", 0, "of contents, ports and identifiers")
	f.StringVar(&r.onto, "onto", "", "put the packets of a capture on this `interface` (Linux, needs CAP_NET_RAW)")
	f.StringVar(&r.speed, "speed", "", "with --onto: `times` the capture's own pace: 2x, 0.5x, max")
	f.Float64Var(&r.pps, "pps", 0, "with --onto: `packets` in a second")
	f.Float64Var(&r.mbps, "mbps", 0, "with --onto: `megabits` in a second")
	f.StringVar(&o.At, "at", "", "`place` of the capture: client, server or middle")
	r.rerun.define(c)
	c.colorFlag()
}

func (r *replayFlags) run(c *call) error {
	nothing := r.capture == "" && r.truth == "" && r.keylog == ""
	switch {
	case r.rerun.from != "" && r.o.Real:
		return usagef("--from plays over a simulated network: it goes without --real")
	case r.rerun.from != "":
		return r.fromCapture(c)
	case r.rerun.as != "":
		return usagef("--as goes with --from FILE")
	case r.list || len(c.args) == 0 && nothing && !r.o.Real:
		return c.scenarios()
	case r.onto != "":
		return r.ontoInterface(c)
	case r.speed != "" || r.pps != 0 || r.mbps != 0:
		return usagef("--speed, --pps and --mbps go with --onto INTERFACE")
	case len(c.args) != 1:
		return usagef("want one scenario; wiretale replay --list names them")
	}
	if err := replay.Check(c.args[0]); err != nil {
		return usageError{err}
	}
	switch {
	case r.compare && r.o.Real:
		return usagef("--compare reads the capture that the simulated network makes: it goes without --real")
	case r.o.Real && r.capture != "":
		return usagef("with --real the kernel carries the packets: capture them while it plays, with: sudo wiretale sniff -i lo -w %s", r.capture)
	case r.compare:
		return r.sideBySide(c)
	case nothing && !r.o.Real:
		return usagef("nothing to write: give -w FILE, --truth FILE, or both")
	}
	return r.write(c)
}

// write plays the scenario into files.
func (r *replayFlags) write(c *call) error {
	return r.writeWith(c, func(o replay.Options) error { return replay.Run(c.ctx, c.args[0], o) })
}

// writeWith writes what play makes into files.
func (r *replayFlags) writeWith(c *call, play func(replay.Options) error) error {
	o := r.o
	o.Version = version()
	o.Summary, o.Plan = c.stdout, c.stdout
	for _, path := range []string{r.capture, r.truth, r.keylog} {
		if path == "-" {
			o.Summary, o.Plan = c.stderr, c.stderr
		}
	}
	var recorded, told, keys outputFile
	err := errors.Join(recorded.open(r.capture, c.stdout, &o.Out), told.open(r.truth, c.stdout, &o.Truth), keys.open(r.keylog, c.stdout, &o.Keys))
	if err == nil {
		err = play(o)
	}
	err = errors.Join(err, recorded.close(err), told.close(err), keys.close(err))
	if errors.Is(err, replay.ErrUnknown) || errors.Is(err, replay.ErrOptions) {
		return usageError{err}
	}
	return err
}

// sideBySide plays the scenario and shows what is made of it. The files that
// were asked for stay; others are taken away.
func (r *replayFlags) sideBySide(c *call) error {
	if r.capture == "-" || r.truth == "-" || r.keylog == "-" {
		return usagef("--compare prints to standard output: give a file instead of -")
	}
	dir, err := os.MkdirTemp("", "wiretale-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if r.capture == "" {
		r.capture = filepath.Join(dir, c.args[0]+".pcapng")
	}
	if r.truth == "" {
		r.truth = filepath.Join(dir, c.args[0]+".json")
	}
	if err := r.write(c); err != nil {
		return err
	}
	f, err := os.Open(r.truth)
	if err != nil {
		return err
	}
	defer f.Close()
	told, err := truth.Read(f)
	if err != nil {
		return err
	}
	table, err := sidebyside.Make(c.ctx, r.capture, told)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout)
	if err := table.Write(c.stdout, sidebyside.Options{Color: c.color(), Width: c.out.width}); err != nil {
		return err
	}
	if !table.Agree() {
		return errDisagree
	}
	return nil
}

// ontoInterface puts a capture on an interface.
func (r *replayFlags) ontoInterface(c *call) error {
	if len(c.args) != 1 {
		return usagef("want one capture to put on %s", r.onto)
	}
	pace := onto.Pace{}
	if r.speed != "" {
		var err error
		if pace, err = onto.ParseSpeed(r.speed); err != nil {
			return usageError{err}
		}
	}
	pace.PPS, pace.Mbps = r.pps, r.mbps
	src, err := capture.Open(c.args, capture.Options{Stdin: c.stdin})
	if err != nil {
		return err
	}
	defer src.Close()
	st, err := onto.Run(c.ctx, r.onto, src, pace)
	if st.Packets > 0 {
		fmt.Fprintln(c.stdout, st.String())
	}
	if errors.Is(err, onto.ErrPace) {
		return usageError{err}
	}
	return err
}

// textFlag is a flag that is read from, and shown as, a text of its own.
type textFlag[T comparable] struct {
	to   *T
	read func(string) (T, error)
	show func(T) string
}

func (f *textFlag[T]) Set(s string) (err error) {
	v, err := f.read(s)
	if err == nil {
		*f.to = v
	}
	return err
}

func (f *textFlag[T]) String() string {
	var zero T
	if f.to == nil || *f.to == zero {
		return ""
	}
	return f.show(*f.to)
}

func (*textFlag[T]) Type() string { return "value" }

// aboutScenario is the help of the scenario among args, if there is one.
func aboutScenario(args []string) string {
	for _, a := range args {
		for _, s := range replay.Names() {
			if s.Name != a {
				continue
			}
			text := strings.TrimSpace(replay.Help(s.Name))
			if text == "" {
				text = s.Doc
			}
			return fmt.Sprintf("%s: %s\nRTT, where --rtt does not say: %s\nTakes %s\n%s\n\n%s", s.Name, s.Doc, s.RTT, s.Takes, real(s.Simulated), text)
		}
	}
	return ""
}

// real says whether a scenario can be played on real sockets.
func real(simulated string) string {
	if simulated == "" {
		return "With --real it plays on the kernel's sockets"
	}
	return "Not on real sockets: " + simulated
}

func positions() []string { return []string{"client", "middle", "server"} }

func scenarioNames() []string {
	var names []string
	for _, s := range replay.Names() {
		names = append(names, s.Name)
	}
	return names
}

func (c *call) scenarios() error {
	var rows [][]string
	for _, s := range replay.Names() {
		rows = append(rows, []string{s.Name, s.RTT.Round(time.Microsecond).String(), s.Doc})
	}
	return report.Table(c.stdout, []analyzers.Column{{Name: "scenario"}, {Name: "rtt", Right: true}, {Name: "what happens"}}, rows,
		report.Options{Color: c.color(), Width: c.out.width})
}

// outputFile is a file that appears under its name only when it is whole.
type outputFile struct {
	path string
	f    *os.File
	w    *bufio.Writer
}

// open makes *to write to the file of that path; "" is none, and "-" stdout.
func (o *outputFile) open(path string, stdout io.Writer, to *io.Writer) error {
	switch path {
	case "":
		return nil
	case "-":
		*to = stdout
		return nil
	}
	f, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	o.path, o.f, o.w = path, f, bufio.NewWriter(f)
	*to = o.w
	return nil
}

// close gives the file its name, or, after a fault, takes it away.
func (o *outputFile) close(fault error) error {
	if o.f == nil {
		return nil
	}
	err := errors.Join(o.w.Flush(), o.f.Close())
	if fault != nil || err != nil {
		return errors.Join(err, os.Remove(o.f.Name()))
	}
	return os.Rename(o.f.Name(), o.path)
}

// version is that of this program, "" where it is not known.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}
