package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/internal/extract"
	"github.com/wiretale/wiretale/internal/pipeline"
)

// objects is what --extract asks for; nil: nothing.
type objects struct {
	dir string
	w   *extract.Writer
}

func newObjects(dir string, l *events.Limits) (*objects, error) {
	if dir == "" {
		return nil, nil
	}
	w, err := extract.New(dir, l)
	if err != nil {
		return nil, fmt.Errorf("--extract: %w", err)
	}
	return &objects{dir, w}, nil
}

// watch lets the run be watched for objects, beside whoever watches already.
func (o *objects) watch(p *pipeline.Config) {
	if o == nil {
		return
	}
	p.Want = p.Want.Or(extract.Kinds())
	others := p.Events
	p.Events = func(evs []*events.Event) error {
		for _, e := range evs {
			if err := o.w.Event(e); err != nil {
				return fmt.Errorf("--extract: %w", err)
			}
		}
		if others == nil {
			return nil
		}
		return others(evs)
	}
}

// end says in one line what was written.
func (o *objects) end() (string, error) {
	if o == nil {
		return "", nil
	}
	err := o.w.Close()
	s := &o.w.Stats
	files := "1 file"
	if s.Files != 1 {
		files = analyzers.CountText(int64(s.Files)) + " files"
	}
	text := "extracted " + files + ", " + analyzers.BytesText(s.Bytes) + " to " + o.dir + " (" + extract.IndexName + " lists them)"
	var cut []string
	for _, name := range slices.Sorted(maps.Keys(s.Limit)) {
		cut = append(cut, fmt.Sprintf("%s ×%d", name, s.Limit[name]))
	}
	if len(cut) > 0 {
		text += "; limits reached: " + strings.Join(cut, ", ")
	}
	return text, err
}
