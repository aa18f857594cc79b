package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	questionlist "github.com/wiretale/wiretale/analyzers/all"
	"github.com/wiretale/wiretale/decoders/all"
	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/report"
)

func none() []string { return nil }

// noArgs is work that takes no arguments.
func (c *call) noArgs(work func() error) func() error {
	return func() error {
		if len(c.args) > 0 {
			return usagef("it takes no arguments, but %q was given", c.args[0])
		}
		return work()
	}
}

func schemaCommand() *command {
	return &command{
		name:  "schema",
		short: "print the JSON Schema of events and rows",
		long: `Schema prints the JSON Schema (draft 2020-12) of every line that decode --json
and analyze --json print.`,
		examples: [][2]string{{"wiretale schema > wiretale.schema.json", "for a validator or a code generator"}},
		words:    none,
		setup: func(c *call) func() error {
			return c.noArgs(func() error {
				_, err := c.stdout.Write(schema())
				return err
			})
		},
	}
}

func schema() []byte {
	var rows []events.RowType
	for _, q := range questionlist.Questions() {
		rows = append(rows, events.RowType{Name: q.Name, Doc: q.Doc, Value: q.Value})
	}
	return events.Schema(rows)
}

func protocolsCommand() *command {
	return &command{
		name:     "protocols",
		short:    "list the protocols that are decoded",
		long:     "Protocols lists what is decoded. Content decides first; ports only where it does not.",
		examples: [][2]string{{"wiretale protocols", "all of them"}},
		words:    none,
		setup: func(c *call) func() error {
			c.colorFlag()
			return c.noArgs(func() error {
				var rows [][]string
				for _, p := range all.Protos() {
					doc := p.Doc
					if p.Encrypted {
						doc += " (encrypted)"
					}
					rows = append(rows, []string{p.Name, ports(p.TCPPorts), ports(p.UDPPorts), doc})
				}
				return report.Table(c.stdout, []analyzers.Column{{Name: "protocol"}, {Name: "tcp"}, {Name: "udp"}, {Name: "what"}}, rows,
					report.Options{Color: c.color(), Width: c.out.width})
			})
		},
	}
}

func ports(list []uint16) string {
	var s []string
	for _, p := range list {
		s = append(s, strconv.Itoa(int(p)))
	}
	return strings.Join(s, " ")
}

func limitsCommand() *command {
	return &command{
		name:  "limits",
		short: "list the limits on memory, for --limits name=value",
		long: `Limits lists what bounds the memory of a run, with its value when nothing else is
said. Reaching one is told in the report and as a flow.limit event.`,
		examples: [][2]string{
			{"wiretale limits", "all of them"},
			{"wiretale analyze --limits flows=50000 --limits waiting=16384 capture.pcapng", "smaller ones"},
		},
		words: none,
		setup: func(c *call) func() error {
			c.colorFlag()
			return c.noArgs(func() error {
				var rows [][]string
				for _, l := range events.AllLimits() {
					rows = append(rows, []string{l.Name, strconv.Itoa(l.Default), l.Doc})
				}
				return report.Table(c.stdout, []analyzers.Column{{Name: "limit"}, {Name: "default", Right: true}, {Name: "bounds"}}, rows,
					report.Options{Color: c.color(), Width: c.out.width})
			})
		},
	}
}

func versionCommand() *command {
	return &command{
		name:     "version",
		short:    "print the version and what it was built from",
		long:     "Version prints the version, the revision and the tool chain.",
		examples: [][2]string{{"wiretale version", "for a bug report"}},
		words:    none,
		setup: func(c *call) func() error {
			return c.noArgs(func() error {
				info, _ := debug.ReadBuildInfo()
				_, err := fmt.Fprintln(c.stdout, versionText(info))
				return err
			})
		},
	}
}

func versionText(info *debug.BuildInfo) string {
	version := "(unknown version)"
	var revision []string
	if info != nil {
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				revision = append(revision, s.Value[:min(len(s.Value), 12)])
			case s.Key == "vcs.time":
				revision = append(revision, s.Value)
			case s.Key == "vcs.modified" && s.Value == "true":
				revision = append(revision, "modified")
			}
		}
	}
	text := "wiretale " + version
	if len(revision) > 0 {
		text += " (" + strings.Join(revision, ", ") + ")"
	}
	return text + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH
}
