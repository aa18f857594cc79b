package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/capture/live"
	"github.com/wiretale/wiretale/report"
)

func interfacesCommand() *command {
	return &command{
		name:  "interfaces",
		short: "list the network interfaces that can be watched",
		long: `Interfaces lists the network interfaces of this machine: what packets captured
there look like (link), whether they are up, and their addresses. "any" is all
of them at once. It needs no privilege; where capturing does, it says so.`,
		examples: [][2]string{
			{"wiretale interfaces", "all of them"},
			{"wiretale interfaces --json | jq -r 'select(.state == \"up\").name'", "the names of those that are up"},
		},
		words: none,
		setup: func(c *call) func() error {
			asJSON := c.flags.Bool("json", false, "print one JSON object for each, one a line")
			c.colorFlag()
			return c.noArgs(func() error { return c.listInterfaces(*asJSON) })
		},
	}
}

func (c *call) listInterfaces(asJSON bool) error {
	list, err := live.Interfaces()
	if err != nil {
		return err
	}
	if asJSON {
		enc := json.NewEncoder(c.stdout)
		for i := range list {
			if err := enc.Encode(&list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	err = report.Table(c.stdout, []analyzers.Column{
		{Name: "index", Right: true}, {Name: "name"}, {Name: "state"}, {Name: "mtu", Right: true}, {Name: "link"}, {Name: "mac"}, {Name: "addresses"},
	}, interfaceRows(list), report.Options{Color: c.color(), Width: c.out.width})
	if err != nil {
		return err
	}
	if err := live.Permission(); err != nil && c.err.is {
		c.stdout.Flush()
		fmt.Fprintf(c.stderr, "\n%v\n", err)
	}
	return nil
}

func interfaceRows(list []live.Interface) [][]string {
	var rows [][]string
	for _, i := range list {
		index, mtu := "", ""
		if i.Index > 0 {
			index, mtu = strconv.Itoa(i.Index), strconv.Itoa(i.MTU)
		}
		rows = append(rows, []string{index, i.Name, string(i.State), mtu, i.Link, i.MAC, strings.Join(i.Addresses, " ")})
	}
	return rows
}
