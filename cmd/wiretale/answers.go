package main

import (
	"sync"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/report"
)

// answers gathers what a run finds into what a person reads. Rows and events
// come from two goroutines; sections may be taken meanwhile.
type answers struct {
	mu        sync.Mutex
	questions []analyzers.Question
	summaries []analyzers.Summary
	byName    map[string]int
	answered  []bool
	coverage  report.Coverage
}

func newAnswers(questions []analyzers.Question) *answers {
	a := &answers{questions: questions, byName: map[string]int{}, answered: make([]bool, len(questions))}
	for i, q := range questions {
		a.summaries = append(a.summaries, q.Summary())
		a.byName[q.Name] = i
	}
	return a
}

// rows takes rows; they are not kept.
func (a *answers) rows(rows []analyzers.Row) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range rows {
		if a.coverage.Row(&rows[i]) {
			continue
		}
		k := a.byName[rows[i].Analysis]
		a.summaries[k].Add(&rows[i])
		a.answered[k] = true
	}
}

// events takes events, of which those of report.CoverageKinds count; they are
// not kept.
func (a *answers) events(evs []*events.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range evs {
		a.coverage.Event(e)
	}
}

// sections are the parts of the report. all: also questions of which the
// capture has nothing.
func (a *answers) sections(full, all bool) []analyzers.Section {
	a.mu.Lock()
	defer a.mu.Unlock()
	var sections []analyzers.Section
	for i, s := range a.summaries {
		if !a.answered[i] && !all {
			continue
		}
		section := s.Section(full)
		section.Area = a.questions[i].Area
		sections = append(sections, section)
	}
	return sections
}
