package live_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/wiretale/wiretale/capture"
	"github.com/wiretale/wiretale/capture/live"
)

// Count what passes an interface until Ctrl-C.
func ExampleOpen() {
	src, err := live.Open(live.Config{Interface: "eth0"})
	if err != nil {
		fmt.Fprintln(os.Stderr, err) // it says what to do
		return
	}
	defer src.Close()
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	go func() {
		<-interrupt
		src.Stop()
	}()
	var b capture.Batch
	for {
		if err := src.Next(&b); err != nil {
			if !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, err)
			}
			break
		}
		b.Release()
	}
	st := src.Stats()
	fmt.Println(st.Delivered, "packets,", st.Dropped, "lost")
}
