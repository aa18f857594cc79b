// Package all is the one list of scenarios.
package all

import (
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/scenarios/http1"
	"github.com/wiretale/wiretale/replay/scenarios/page"
)

// Scenarios are all that can be replayed, in the order people see them.
var Scenarios = []scenarios.Scenario{
	page.Scenario,
	http1.NonPersistent, http1.Persistent, http1.Parallel, http1.Pipelined,
}
