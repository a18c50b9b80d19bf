// net/http of Go as a client of the matrix: see clients.py for what each word asks.
// client STORY:CALLS,... BASE AT_ONCE h1|h2 [CA]
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"testing/iotest"
	"time"
)

const small, big, crumbs = 1024, 4 << 20, 5_000

func transport(version, ca string) *http.Transport {
	t := &http.Transport{Protocols: new(http.Protocols), MaxIdleConnsPerHost: 64}
	if version == "h1" {
		t.Protocols.SetHTTP1(true)
	} else {
		t.Protocols.SetHTTP2(true)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	if ca != "" {
		pem, _ := os.ReadFile(ca)
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		t.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return t
}

func read(r *http.Response, err error, want int64) string {
	if err != nil {
		return "error: " + fmt.Sprintf("%T", err)
	}
	defer r.Body.Close()
	got, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return fmt.Sprintf("%d, then %T", r.StatusCode, err)
	}
	if want >= 0 && got != want {
		return fmt.Sprintf("%d with %d bytes", r.StatusCode, got)
	}
	return strconv.Itoa(r.StatusCode)
}

// A body whose end comes alone, and whose length is not said.
func unsized(bytes_ int) io.Reader { return io.MultiReader(bytes.NewReader(make([]byte, bytes_))) }

// Gives one byte with each read: a chunk or a DATA frame each.
func byByte(bytes_ int) io.Reader { return iotest.OneByteReader(unsized(bytes_)) }

func call(c *http.Client, story, base string, i int) string {
	switch story {
	case "get":
		r, err := c.Get(base + "/page")
		return read(r, err, small)
	case "post":
		r, err := c.Post(base+"/echo", "text/plain", bytes.NewReader(make([]byte, small)))
		return read(r, err, small)
	case "chunked":
		r, err := c.Post(base+"/echo", "text/plain", unsized(small))
		return read(r, err, small)
	case "empty":
		r, err := c.Post(base+"/echo", "text/plain", nil)
		return read(r, err, 0)
	case "refused":
		r, err := c.Post(base+"/refuse", "text/plain", bytes.NewReader(make([]byte, big)))
		return read(r, err, -1)
	case "denied":
		r, err := c.Post(base+"/denied", "text/plain", unsized(small))
		return read(r, err, -1)
	case "drip":
		r, err := c.Get(base + "/drip")
		return read(r, err, 100_000)
	case "slow":
		r, err := c.Get(base + "/large")
		if err == nil {
			for n := 0; n < 8; n++ {
				io.CopyN(io.Discard, r.Body, 512*1024)
				time.Sleep(50 * time.Millisecond)
			}
		}
		return read(r, err, 4<<20)
	case "ends":
		r, err := c.Get(base + "/ends")
		return read(r, err, small)
	case "watch":
		r, err := c.Get(base + "/watch")
		return read(r, err, 2)
	case "crumbs":
		r, err := c.Post(base+"/echo", "text/plain", byByte(crumbs))
		return read(r, err, crumbs)
	case "restart", "race":
		time.Sleep(time.Duration(15+i%11) * time.Millisecond)
		r, err := c.Get(base + "/page")
		return read(r, err, small)
	case "trailers":
		r, err := c.Get(base + "/trailers")
		word := read(r, err, small)
		if err == nil && (r.Trailer.Get("X-Sum") != "17" || r.Trailer.Get("X-Request-Id") == "") {
			word += " without its trailers"
		}
		return word
	case "cancel":
		if i%8 != 0 {
			r, err := c.Get(base + "/page")
			return read(r, err, small)
		}
		soon, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		request, _ := http.NewRequestWithContext(soon, "GET", base+"/never", nil)
		r, err := c.Do(request)
		if err != nil && soon.Err() != nil {
			return "given up"
		}
		return read(r, err, -1)
	}
	return "no such story"
}

func main() {
	base := os.Args[2]
	c := &http.Client{Transport: transport(os.Args[4], authority()), Timeout: 60 * time.Second}
	tell(func(story string, i int) string { return call(c, story, base, i) })
}
