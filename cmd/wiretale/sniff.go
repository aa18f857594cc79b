package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/capture/filter"
	"github.com/wiretale/wiretale/capture/live"
	"github.com/wiretale/wiretale/capture/ring"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/metrics"
	"github.com/wiretale/wiretale/internal/pipeline"
	"github.com/wiretale/wiretale/internal/privilege"
	"github.com/wiretale/wiretale/internal/sniff"
	"github.com/wiretale/wiretale/report"
)

// sniffer is one use of the command sniff.
type sniffer struct {
	*call
	iface       string
	snaplen     int
	buffer      int
	promiscuous bool
	fanout      int
	hardware    bool

	file     string
	ring     string
	every    time.Duration // a new file
	packets  uint64        // a new file
	count    uint64
	duration time.Duration

	noDecode bool
	json     bool
	full     bool
	only     []string
	answers  *answerFlags
	summary  time.Duration // --every
	metrics  string
	user     string
}

func sniffCommand() *command {
	return &command{
		name:  "sniff",
		short: "do live, on an interface, what analyze does on a file",
		long: `Sniff watches a network interface and answers all questions as packets come. It
ends with Ctrl-C, after --duration or after --count packets, and then prints the
report of analyze. SIGHUP begins another file of -w. Capturing needs privileges:
without them it says what to do; with them it gives them up once it has begun.`,
		examples: [][2]string{
			{"sudo wiretale sniff -i eth0", "watch eth0; Ctrl-C for the report"},
			{"sudo wiretale sniff -i any -f 'port 53' --every 10s", "DNS of all interfaces, a line every ten seconds"},
			{"sudo wiretale sniff -i eth0 --json | jq 'select(.analysis==\"dns.transaction\")'", "events and rows as they are final"},
			{"sudo wiretale sniff -i eth0 -w lan.pcapng --ring 10x100MB", "and keep the last gigabyte"},
			{"sudo wiretale sniff -i eth0 --no-decode -w lan.pcapng --every 10s", "only keep packets, for later"},
			{"sudo wiretale sniff -i lo --duration 30s -w lo.pcapng", "half a minute of loopback"},
			{"sudo wiretale sniff -i eth0 --metrics :9100 --every 1m", "with figures for Prometheus"},
		},
		values: map[string]func() []string{"only": questionNames, "limits": limitValues, "interface": interfaceNames},
		words:  none,
		setup: func(c *call) func() error {
			s := &sniffer{call: c}
			f := c.flags
			f.StringVarP(&s.iface, "interface", "i", "", "`name` of the interface, or any (wiretale interfaces lists them)")
			c.filterFlag()
			f.IntVar(&s.snaplen, "snaplen", live.DefaultSnaplen, "`bytes` of a packet that are kept")
			f.IntVar(&s.buffer, "buffer", live.DefaultBuffer, "`bytes` of memory in which the kernel keeps packets until they are read")
			f.BoolVar(&s.promiscuous, "promiscuous", false, "packets that are for others, too")
			f.IntVar(&s.fanout, "fanout", 1, "`number` of buffers that the kernel spreads packets over")
			f.BoolVar(&s.hardware, "hardware-stamps", false, "times by the network card's clock, where it has one")
			f.StringVarP(&s.file, "write", "w", "", "keep the packets in this pcapng `FILE`")
			f.StringVar(&s.ring, "ring", "", "keep the last files of -w only, each up to a size: `10x100MB`")
			f.DurationVar(&s.every, "rotate", 0, "another file of -w after this `time`")
			f.Uint64Var(&s.packets, "rotate-packets", 0, "another file of -w after this `number` of packets")
			f.DurationVar(&s.duration, "duration", 0, "end after this `time`")
			f.Uint64Var(&s.count, "count", 0, "end after this `number` of packets")
			f.BoolVar(&s.noDecode, "no-decode", false, "only count packets, and keep them with -w")
			f.BoolVar(&s.json, "json", false, "print events and rows as JSON lines, as soon as they are final")
			f.DurationVar(&s.summary, "every", 0, "print a line of figures whenever this `time` is over, and what was found since")
			f.BoolVar(&s.full, "full", false, "the whole report at the end, however long")
			f.StringArrayVar(&s.only, "only", nil, "only these `questions`, with commas between (wiretale explain lists them)")
			s.answers = c.answerFlags()
			f.StringVar(&s.metrics, "metrics", "", "serve figures in the text format of Prometheus at this `address`: :9100")
			f.StringVar(&s.user, "user", "", "become this `user` once capturing has begun (default: who called sudo, or nobody)")
			c.commonFlags()
			return s.run
		},
	}
}

func interfaceNames() []string {
	list, _ := live.Interfaces()
	names := []string{live.Any}
	for _, i := range list {
		names = append(names, i.Name)
	}
	return names
}

// check finds faults of the flags before anything is opened.
func (s *sniffer) check() error {
	switch {
	case len(s.args) > 0:
		return usagef("it takes no arguments, but %q was given; the interface is given by -i", s.args[0])
	case s.iface == "":
		return usagef("which interface? give -i NAME; there are: %s", strings.Join(interfaceNames(), ", "))
	case s.file == "" && (s.ring != "" || s.every > 0 || s.packets > 0):
		return usagef("--ring, --rotate and --rotate-packets are about the file of -w FILE")
	case s.duration < 0 || s.every < 0 || s.summary < 0:
		return usagef("a time below zero")
	case s.noDecode && (s.json || s.full || len(s.only) > 0):
		return usagef("--no-decode leaves nothing to tell for --json, --full and --only")
	case s.noDecode && s.answers.given():
		return usagef("--no-decode asks no question, so --access-link, --queue and --trust-anchor are of no use")
	case s.json && s.summary > 0:
		return usagef("--json and --every write to the same place: give one of them")
	}
	return nil
}

// run watches the interface until it is told to end.
func (s *sniffer) run() error {
	if err := s.check(); err != nil {
		return err
	}
	s.args = []string{s.iface}
	p, err := s.pipeline()
	if err != nil {
		return err
	}
	p.Paths, p.Stdin, p.Filter = nil, nil, ""
	if p.Questions, err = questions(split(s.only)); err != nil {
		return err
	}
	tuneMemory(len(p.Questions))
	if err := s.answers.set(&p); err != nil {
		return err
	}
	// Before there is a file that somebody may want another one after.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer close(hangups)
	defer signal.Stop(hangups)
	tap := &sniff.Tap{Count: s.count}
	if err := s.open(tap); err != nil {
		return err
	}
	defer tap.Close()
	files, err := s.keep(tap)
	if err != nil {
		return err
	}
	var meter *metrics.Meter
	if s.metrics != "" {
		listener, err := net.Listen("tcp", s.metrics)
		if err != nil {
			return fmt.Errorf("--metrics: %w", err)
		}
		meter = metrics.New()
		go meter.Serve(listener)
		defer listener.Close()
	}
	if err := s.giveUp(); err != nil {
		return err
	}
	return s.watch(p, tap, files, meter, hangups)
}

// open begins to capture.
func (s *sniffer) open(tap *sniff.Tap) error {
	c := live.Config{Interface: s.iface, Snaplen: s.snaplen, Buffer: s.buffer, Promiscuous: s.promiscuous, Fanout: s.fanout, Lost: tap.Lost}
	if s.hardware {
		c.Stamps = live.HardwareStamps
	}
	if expr := s.common.filter; expr != "" {
		link, err := live.LinkOf(s.iface)
		if err != nil {
			return err
		}
		program, err := filter.Compile(expr, link, s.snaplen)
		if err != nil {
			return usagef("-f: %w", err)
		}
		if c.FilterText = expr; program.InKernel() {
			c.Filter = program.Raw()
		} else {
			tap.Filter = &program
		}
	}
	src, err := live.Open(c)
	if err != nil {
		return err
	}
	for _, note := range src.Notes() {
		s.tell(note)
	}
	tap.Source = src
	return nil
}

// keep opens the file of -w; nil: there is none.
func (s *sniffer) keep(tap *sniff.Tap) (*ring.Writer, error) {
	if s.file == "" {
		return nil, nil
	}
	c := ring.Config{Path: s.file, Interfaces: tap.Interfaces(), MaxAge: s.every, MaxPackets: s.packets,
		Info: capture.Info{Application: "wiretale sniff"}}
	if s.ring != "" {
		var err error
		if c.Keep, c.MaxBytes, err = ring.ParseRing(s.ring); err != nil {
			return nil, usagef("--ring: %w", err)
		}
	}
	files, err := ring.Open(c)
	if err != nil {
		return nil, err
	}
	tap.Keep = files
	return files, nil
}

// giveUp drops the privileges that are not needed any more.
func (s *sniffer) giveUp() error {
	o := privilege.Options{User: s.user, Network: s.metrics != ""}
	if s.file != "" {
		o.Write = []string{filepath.Dir(s.file)}
	}
	said, err := privilege.Drop(o)
	if err != nil {
		return err
	}
	for _, text := range said {
		s.tell(text)
	}
	return nil
}

func (s *sniffer) tell(text string) { fmt.Fprintln(s.stderr, "wiretale: "+text) }

// watch runs until the capture ends, and tells what was found.
func (s *sniffer) watch(p pipeline.Config, tap *sniff.Tap, files *ring.Writer, meter *metrics.Meter, hangups <-chan os.Signal) error {
	// The first Ctrl-C ends the capture, not the run: what was captured is
	// answered. The second one is not caught.
	ctx := context.WithoutCancel(s.ctx)
	defer context.AfterFunc(s.ctx, tap.Stop)()
	if s.duration > 0 {
		defer time.AfterFunc(s.duration, tap.Stop).Stop()
	}
	go func() {
		for range hangups {
			if files != nil {
				files.Rotate()
			}
		}
	}()

	found := newAnswers(p.Questions)
	out := &sniffOutput{sniffer: s, found: found, tap: tap, files: files, meter: meter, started: time.Now()}
	if s.out.is && terminalOf(os.Stdin).is && !s.json && !s.noDecode && s.summary == 0 {
		tap.Talkers = sniff.NewTalkers(&p.Limits)
		out.newest = newNewest(tap.Talkers)
	}
	out.watch(&p)
	p.Input = tap
	stop := out.begin(ctx)
	var stats pipeline.Stats
	var err error
	if s.noDecode {
		err = drain(tap)
	} else {
		stats, err = pipeline.Run(ctx, p)
	}
	err = errors.Join(err, stop())
	if files != nil {
		err = errors.Join(err, files.Close())
	}
	return errors.Join(err, out.end(&stats))
}

// drain takes all packets and does nothing with them.
func drain(tap *sniff.Tap) error {
	var b capture.Batch
	for {
		if err := tap.Next(&b); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		b.Release()
	}
}

// sniffOutput is what is printed meanwhile, and at the end.
type sniffOutput struct {
	*sniffer
	found   *answers
	tap     *sniff.Tap
	files   *ring.Writer   // nil: none
	meter   *metrics.Meter // nil: none
	started time.Time
	newest  *newest // for the screen; nil: there is none

	mu     sync.Mutex // of stdout
	events *report.EventLines
	rows   *report.RowLines
	sel    report.Selection
}

// watch makes a run tell o what it finds.
func (o *sniffOutput) watch(p *pipeline.Config) {
	p.Want = report.CoverageKinds()
	if o.json {
		o.events, o.rows, o.sel = report.NewEventLines(o.stdout), report.NewRowLines(o.stdout), report.DefaultJSON()
		p.Want = p.Want.Or(o.sel.Want())
	}
	if o.meter != nil {
		p.Want = p.Want.Or(o.meter.Want())
	}
	if o.newest != nil {
		p.Want = p.Want.Or(o.newest.want())
	}
	p.Events = func(evs []*events.Event) error {
		o.found.events(evs)
		if o.meter != nil {
			o.meter.Events(evs)
		}
		if o.newest != nil {
			return o.newest.events(evs)
		}
		if !o.json {
			return nil
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, e := range evs {
			if o.sel.Has(e) {
				if err := o.events.Event(e); err != nil {
					return err
				}
			}
		}
		return errors.Join(o.events.Flush(), o.stdout.Flush())
	}
	p.Rows = func(rows []analyzers.Row) error {
		o.found.rows(rows)
		if o.meter != nil {
			o.meter.Rows(rows)
		}
		if !o.json {
			return nil
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		for i := range rows {
			if err := o.rows.Row(&rows[i]); err != nil {
				return err
			}
		}
		return errors.Join(o.rows.Flush(), o.stdout.Flush())
	}
}

// begin starts what is shown while packets come; the result ends it.
func (o *sniffOutput) begin(ctx context.Context) (stop func() error) {
	ticks := o.tick(ctx)
	if o.newest == nil {
		return func() error { ticks(); return nil }
	}
	shown := o.screen(ctx)
	return func() error {
		ticks()
		return shown()
	}
}

// tick tells the meter every second how far it is, and the line on stderr;
// those of --every come when their time is over.
func (o *sniffOutput) tick(ctx context.Context) (stop func()) {
	running := o.summary == 0 && !o.json && o.err.is && o.newest == nil // a line on stderr that is written over
	if o.summary == 0 && !running && o.meter == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		second := time.NewTicker(time.Second)
		defer second.Stop()
		var interval <-chan time.Time
		if o.summary > 0 {
			t := time.NewTicker(o.summary)
			defer t.Stop()
			interval = t.C
		}
		var last figures
		told := map[string]bool{}
		for {
			select {
			case <-ctx.Done():
				return
			case <-interval:
				now := o.figures()
				o.interval(&last, &now, told)
				last = now
			case <-second.C:
				now := o.figures()
				if o.meter != nil {
					o.meter.Capture(now.packets, now.bytes, now.received, now.kernel, now.queue)
				}
				if running {
					fmt.Fprint(o.stderr, "\r\x1b[K"+o.line(&last, &now)+"  (Ctrl-C for the report)")
					last = now
				}
			}
		}
	}()
	return func() {
		cancel()
		<-done
		if running {
			fmt.Fprint(o.stderr, "\r\x1b[K")
		}
	}
}

// figures are those of a moment.
type figures struct {
	at                               time.Time
	packets, bytes, received, queue  uint64
	kernel, nic, filtered, unwritten uint64
}

func (o *sniffOutput) figures() figures {
	f := figures{at: time.Now()}
	f.packets, f.bytes, f.filtered, f.unwritten = o.tap.Figures()
	st := o.tap.Stats()
	f.received, f.kernel, f.nic, f.queue = st.Received, st.Dropped, st.NIC, f.unwritten
	return f
}

// line is what happened from a to b.
func (o *sniffOutput) line(a, b *figures) string {
	from := a.at
	if from.IsZero() {
		from = o.started
	}
	span := max(b.at.Sub(from).Seconds(), 1e-3)
	text := fmt.Sprintf("%s  %11s packets  %9s packets/s  %9s", b.at.Format("15:04:05"), analyzers.CountText(int64(b.packets)),
		analyzers.CountText(int64(float64(b.packets-a.packets)/span)), analyzers.RateText(float64(b.bytes-a.bytes)/span))
	if b.kernel+b.nic > 0 {
		text += "  dropped " + analyzers.CountText(int64(b.kernel+b.nic))
	}
	if b.unwritten > 0 {
		text += "  not written " + analyzers.CountText(int64(b.unwritten))
	}
	return text
}

// mostFindings are how many new findings an interval tells.
const mostFindings = 5

// interval prints the line of an interval, and what was found in it.
func (o *sniffOutput) interval(a, b *figures, told map[string]bool) {
	var text strings.Builder
	text.WriteString(o.line(a, b) + "\n")
	n := 0
	for _, section := range o.found.sections(false, false) {
		for _, f := range section.Findings {
			if f.Severity < analyzers.Warn || told[f.Filter] || n == mostFindings {
				continue
			}
			n++
			if len(told) < 10_000 {
				told[f.Filter] = true
			}
			fmt.Fprintf(&text, "          %-4s  %s\n", report.SeverityName(f.Severity), report.Clean(f.Text))
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	fmt.Fprint(o.stdout, text.String())
	o.stdout.Flush()
}

// end prints the report; where there is none, it says on stderr how many packets
// were captured and what was lost.
func (o *sniffOutput) end(stats *pipeline.Stats) error {
	f := o.figures()
	var drops []report.Drop
	var said []string // the same, as sentences
	drop := func(n uint64, what, by, advice string) {
		if n > 0 {
			drops = append(drops, report.Drop{Packets: n, By: by, Advice: advice})
			said = append(said, analyzers.CountOf(int64(n), "packet")+" "+what+by)
		}
	}
	var places []string
	for _, l := range o.tap.Losses() {
		if l.Before > 0 {
			places = append(places, strconv.FormatUint(l.Before, 10))
		}
	}
	advice := "raise --buffer, or capture less with -f or --snaplen"
	if len(places) > 0 {
		advice = "before frame " + strings.Join(places, ", ") + "; " + advice
	}
	drop(f.kernel, "dropped ", "by the kernel: its buffer was full", advice)
	drop(f.nic, "dropped ", "by the network card or its driver", "")
	drop(f.unwritten, "", "not written to "+o.file+", though analysed: the disk was too slow", "")
	if o.files != nil {
		st := o.files.Stats()
		o.tell(fmt.Sprintf("%s in %s of -w, the last one %s", analyzers.CountOf(int64(st.Packets), "packet"), analyzers.CountOf(int64(st.Files), "file"), st.Path))
	}
	if o.json || o.noDecode {
		o.tell(fmt.Sprintf("%s captured", analyzers.CountOf(int64(f.packets), "packet")))
		for _, text := range said {
			o.tell(text)
		}
		return nil
	}
	about := captured(stats)
	about.Name, about.Filter, about.Dropped = o.iface, o.common.filter, drops
	about.Filtered = f.filtered
	about.Wall = time.Since(o.started)
	if o.out.is {
		o.out = terminalOf(os.Stdout) // it may have another size by now
	}
	return o.text(&about, o.found, o.full, o.full || len(o.only) > 0)
}
