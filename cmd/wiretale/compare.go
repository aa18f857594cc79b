package main

import (
	"github.com/wiretale/wiretale/internal/compare"
)

func compareCommand() *command {
	return &command{
		name: "compare", args: "FILE…",
		short: "check the results against tshark's",
		long: `Compare runs tshark on the same captures and matches frame, field and value, per
protocol. It prints what agrees and the first differences, and ends with exit
code 1 where the agreement (F1) of a protocol is below --min.`,
		examples: [][2]string{
			{"wiretale compare capture.pcapng", "all protocols"},
			{"wiretale compare --only dns --min 0.995 captures/", "one protocol over a folder"},
		},
		values: map[string]func() []string{"only": protocolNames, "limits": limitValues},
		setup: func(c *call) func() error {
			least := c.flags.Float64("min", 0.99, "least `F1` of each protocol, 0 to 1")
			first := c.flags.Int("first", 10, "`number` of differences printed for each field")
			only := c.flags.StringArray("only", nil, "only these `protocols`, with commas between")
			c.commonFlags()
			return func() error {
				p, err := c.pipeline()
				if err != nil {
					return err
				}
				if *least < 0 || *least > 1 {
					return usagef("--min %g: want 0 to 1", *least)
				}
				ok, err := compare.Run(c.ctx, compare.Config{
					Paths: c.args, Min: *least, First: *first, Protocols: split(*only), Out: c.stdout, Color: c.color(), Pipeline: p,
				})
				if err == nil && !ok {
					return errDisagree
				}
				return err
			}
		},
	}
}
