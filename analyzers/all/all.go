// Package all is the one list of questions. It must not hold logic.
package all

import (
	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/analyzers/btchoke"
	"github.com/wiretale/wiretale/analyzers/btrarity"
	"github.com/wiretale/wiretale/analyzers/btswarm"
	"github.com/wiretale/wiretale/analyzers/dash"
	"github.com/wiretale/wiretale/analyzers/dnscache"
	"github.com/wiretale/wiretale/analyzers/dnsmapping"
	"github.com/wiretale/wiretale/analyzers/dnsresolution"
	"github.com/wiretale/wiretale/analyzers/dnssec"
	"github.com/wiretale/wiretale/analyzers/dnsthreat"
	"github.com/wiretale/wiretale/analyzers/dnstransaction"
	"github.com/wiretale/wiretale/analyzers/ftpsession"
	"github.com/wiretale/wiretale/analyzers/holhttp1"
	"github.com/wiretale/wiretale/analyzers/holhttp2"
	"github.com/wiretale/wiretale/analyzers/holtcp"
	"github.com/wiretale/wiretale/analyzers/hpack"
	"github.com/wiretale/wiretale/analyzers/http2priority"
	"github.com/wiretale/wiretale/analyzers/http2push"
	"github.com/wiretale/wiretale/analyzers/httpcache"
	"github.com/wiretale/wiretale/analyzers/httpcachewhatif"
	"github.com/wiretale/wiretale/analyzers/httpconnections"
	"github.com/wiretale/wiretale/analyzers/httpcookies"
	"github.com/wiretale/wiretale/analyzers/httphosting"
	"github.com/wiretale/wiretale/analyzers/httptransaction"
	"github.com/wiretale/wiretale/analyzers/imapsession"
	"github.com/wiretale/wiretale/analyzers/loss"
	"github.com/wiretale/wiretale/analyzers/mix"
	"github.com/wiretale/wiretale/analyzers/p2pbound"
	"github.com/wiretale/wiretale/analyzers/page"
	"github.com/wiretale/wiretale/analyzers/pop3session"
	"github.com/wiretale/wiretale/analyzers/rtt"
	"github.com/wiretale/wiretale/analyzers/smtpsession"
)

// Questions lists every analysis, in the order of the report.
func Questions() []analyzers.Question {
	return []analyzers.Question{
		rtt.Question,
		loss.Question,
		holtcp.Question,
		dnstransaction.Question,
		dnsresolution.Question,
		dnscache.Question,
		dnsmapping.Question,
		dnssec.Question,
		dnsthreat.Question,
		httptransaction.Question,
		httpconnections.Question,
		page.Question,
		holhttp1.Question,
		holhttp2.Question,
		http2priority.Question,
		http2push.Question,
		hpack.Question,
		httpcache.Question,
		httpcachewhatif.Question,
		httpcookies.Question,
		httphosting.Question,
		smtpsession.Question,
		pop3session.Question,
		imapsession.Question,
		ftpsession.Question,
		btrarity.Question,
		btchoke.Question,
		btswarm.Question,
		p2pbound.Question,
		dash.Question,
		mix.Question,
	}
}
