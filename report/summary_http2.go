package report

import (
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

func frameSummary(f *events.HTTP2Frame) string {
	s := f.Type
	if s == "" {
		s = "frame"
	}
	if len(f.Flags) > 0 {
		s += " " + strings.Join(f.Flags, "+")
	}
	if f.HTTPStream != 0 {
		s += " stream " + strconv.FormatUint(f.HTTPStream, 10)
	}
	parts := []string{s, analyzers.BytesText(int64(f.Length))}
	add := func(ok bool, text string) {
		if ok {
			parts = append(parts, text)
		}
	}
	for _, x := range f.Settings {
		add(true, x.Name+"="+strconv.FormatUint(uint64(x.Value), 10))
	}
	add(f.WindowIncrement > 0, "+"+strconv.FormatUint(uint64(f.WindowIncrement), 10))
	add(f.ErrorCode != "", f.ErrorCode)
	if f.LastStream != nil {
		add(true, "last stream "+strconv.FormatUint(*f.LastStream, 10))
	}
	add(f.PromisedStream > 0, "promises stream "+strconv.FormatUint(f.PromisedStream, 10))
	add(f.PrioritizedStream > 0, "of stream "+strconv.FormatUint(f.PrioritizedStream, 10))
	add(f.Weight > 0, "weight "+strconv.Itoa(f.Weight))
	add(len(f.Origins) > 0, strings.Join(f.Origins, " "))
	add(f.Value != "", f.Value)
	add(f.Debug != "", f.Debug)
	add(f.Undecodable, "header block cannot be decoded")
	return join(parts...)
}

func grpcSummary(m *events.GRPCMessage) string {
	s := "grpc message of " + m.Of + " " + analyzers.BytesText(int64(m.Length))
	if m.Compressed {
		s += ", compressed"
	}
	if !m.Complete {
		s += ", incomplete"
	}
	return s
}
