// What the origins of the matrix have in common: PROGRAM FD IDLE_MS [CERT KEY] serves on a listening
// socket that it inherits, and ends connections that are idle for IDLE_MS, unless that is 0. A restart
// is announced: by GOAWAY, or the end of connections that are idle.
package main

import (
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func idleLimit() time.Duration {
	ms, _ := strconv.Atoi(os.Args[2])
	return time.Duration(ms) * time.Millisecond
}

// The files of the certificate and its key, if it is TLS.
func certificate() (files []string) { return os.Args[3:] }

func inherited() net.Listener {
	fd, _ := strconv.Atoi(os.Args[1])
	listener, err := net.FileListener(os.NewFile(uintptr(fd), "listener"))
	if err != nil {
		log.Fatal(err)
	}
	return listener
}

// Serves, and says so to $READY, until SIGTERM came and `end` has returned.
func serve(run func(net.Listener) error, end func()) {
	listener := inherited()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		<-ended
		end()
		close(done)
	}()
	fd, _ := strconv.Atoi(os.Getenv("READY"))
	ready := os.NewFile(uintptr(fd), "ready")
	ready.Write([]byte("x"))
	ready.Close()
	if err := run(listener); err != nil {
		log.Fatal(err)
	}
	<-done
}
