// The origin of the client matrix: HTTP/1.1 and HTTP/2, in clear text by prior knowledge or over TLS.
// Each path is one way in which honest servers behave.
package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"time"
)

const pageBytes = 1024

func page(w http.ResponseWriter, _ *http.Request) {
	w.Write(make([]byte, pageBytes))
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.Write(body)
}

// Answers before the body has come, and does not read it.
func refuse(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusRequestEntityTooLarge)
}

// The same to a call whose body is small, as servers do that look at the credentials first.
func denied(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusUnauthorized)
}

// One byte at a time: chunks or DATA frames of one byte.
func drip(w http.ResponseWriter, _ *http.Request) {
	flusher := w.(http.Flusher)
	for i := 0; i < 100_000; i++ {
		w.Write([]byte("x"))
		flusher.Flush()
	}
}

func large(w http.ResponseWriter, _ *http.Request) {
	piece := make([]byte, 64*1024)
	for i := 0; i < 128; i++ {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// Never answers: for calls that their caller gives up.
func never(_ http.ResponseWriter, r *http.Request) {
	<-r.Context().Done()
}

// One byte at once, one after a silence.
func watch(w http.ResponseWriter, r *http.Request) {
	w.Write([]byte("x"))
	w.(http.Flusher).Flush()
	select {
	case <-time.After(3 * time.Second):
		w.Write([]byte("x"))
	case <-r.Context().Done():
	}
}

// The connection ends with the answer, now and then; Go's HTTP/2 makes a GOAWAY of that field.
func ends(w http.ResponseWriter, r *http.Request) {
	if time.Now().UnixNano()%8 == 0 {
		w.Header().Set("Connection", "close")
	}
	page(w, r)
}

func trailers(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Sum, X-Request-Id")
	page(w, r)
	w.Header().Set("X-Sum", "17")
	w.Header().Set("X-Request-Id", "of-the-trailer")
}

func main() {
	mux := http.NewServeMux()
	for path, handler := range map[string]http.HandlerFunc{
		"/page": page, "/echo": echo, "/refuse": refuse, "/denied": denied, "/drip": drip,
		"/large": large, "/never": never, "/ends": ends, "/trailers": trailers, "/watch": watch,
	} {
		mux.HandleFunc(path, handler)
	}
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols),
		IdleTimeout: idleLimit(), ErrorLog: log.New(io.Discard, "", 0)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	run := func(listener net.Listener) error {
		var err error
		if files := certificate(); len(files) > 0 {
			err = server.ServeTLS(listener, files[0], files[1])
		} else {
			err = server.Serve(listener)
		}
		if err == http.ErrServerClosed {
			return nil
		}
		return err
	}
	serve(run, func() {
		late, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		server.Shutdown(late)
	})
}
