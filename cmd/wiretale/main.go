// Wiretale answers questions about captured network traffic. This package is
// flags and wiring; it must not hold logic.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"
)

// Exit codes.
const (
	exitOK          = 0
	exitFault       = 1 // of the input or the run; what was found before it is printed
	exitUsage       = 2
	exitInterrupted = 130 // as shells say of SIGINT
)

func main() {
	tuneMemory(0)
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// call is one use of a command.
type call struct {
	ctx    context.Context
	name   string
	flags  *pflag.FlagSet
	args   []string
	stdin  io.Reader
	stdout *bufio.Writer
	stderr io.Writer
	out    terminal // what stdout is
	err    terminal // what stderr is
	common common
}

// usageError is a fault in how the program was called.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// stdoutSize is how much output is gathered before it is written.
const stdoutSize = 256 << 10

// run is the whole program; it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once

	out := bufio.NewWriterSize(stdout, stdoutSize)
	err := dispatch(ctx, args, stdin, out, stdout, stderr)
	if e := out.Flush(); e != nil && err == nil {
		err = e
	}
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, syscall.EPIPE), errors.Is(err, io.ErrClosedPipe):
		return exitOK // the reader of our output has seen enough
	case errors.Is(err, errDisagree):
		return exitFault // it was told already
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "wiretale: %v\n", err)
		return exitUsage
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "wiretale: interrupted")
		return exitInterrupted
	}
	fmt.Fprintf(stderr, "wiretale: %v\n", err)
	return exitFault
}

// errDisagree ends a comparison that found too many differences.
var errDisagree = errors.New("the results disagree")

func dispatch(ctx context.Context, args []string, stdin io.Reader, out *bufio.Writer, stdout, stderr io.Writer) error {
	name := ""
	if len(args) > 0 {
		name, args = args[0], args[1:]
	}
	switch name {
	case "":
		writeUsage(stderr)
		return usagef("which command?")
	case "-h", "--help", "help":
		if len(args) == 0 {
			writeUsage(out)
			return nil
		}
		name, args = args[0], []string{"--help"}
	case "--version", "-V":
		name = "version"
	}
	cmd := find(name)
	if cmd == nil {
		if near := nearest(name, commandNames()); near != "" {
			return usagef("%q is not a command; did you mean %s? (wiretale --help lists all)", name, near)
		}
		return usagef("%q is not a command; wiretale --help lists all", name)
	}
	c := &call{ctx: ctx, name: name, stdin: stdin, stdout: out, stderr: stderr, out: terminalOf(stdout), err: terminalOf(stderr)}
	work := cmd.prepare(c)
	switch err := c.flags.Parse(args); {
	case errors.Is(err, pflag.ErrHelp):
		if cmd.about != nil {
			if text := cmd.about(args); text != "" {
				fmt.Fprintf(out, "%s\n\n", text)
			}
		}
		cmd.writeHelp(out, c.flags)
		return nil
	case err != nil:
		return hint(cmd, c.flags, err)
	}
	c.args = c.flags.Args()
	if err := work(); err != nil {
		var usage usageError
		if errors.As(err, &usage) {
			return usagef("%s: %v\n  see: wiretale %s --help", name, err, name)
		}
		return err
	}
	return nil
}

// hint makes a usage error of a flag that was not understood.
func hint(cmd *command, flags *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := nearest(unknown.GetSpecifiedName(), names); near != "" {
			return usagef("%s: %v; did you mean --%s?\n  see: wiretale %s --help", cmd.name, err, near, cmd.name)
		}
	}
	return usagef("%s: %v\n  see: wiretale %s --help", cmd.name, err, cmd.name)
}
