// Both sides of reloads.py: origins, callers at a steady rate, and connections that are held open.
//
//	reloads RATE
//
// It prints the ports of its origins, reads those of the sidecar, opens everything and prints a line;
// from then on nobody may need another connection. At the end of its input it prints what came of it.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

const (
	callersOfOne, connectionsOfTwo, streamsOfEach = 16, 4, 4
	callersOfCalls, watchers                      = 8, 4
	turn                                          = 10 * time.Millisecond // of what is held
	firstBad                                      = 1_000_000             // versions that must never be in force
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// --- Origins ---------------------------------------------------------------------------------------

// Counts what it accepts.
type counted struct {
	net.Listener
	accepted atomic.Int64
}

func (l *counted) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil {
		l.accepted.Add(1)
	}
	return conn, err
}

func listen() *counted {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	return &counted{Listener: listener}
}

// Says which version the request came under; /together waits until all callers of `one` are there.
func serveHTTP(listener net.Listener) {
	var together sync.WaitGroup
	together.Add(callersOfOne)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, r.Header.Get("X-Version"))
	})
	mux.HandleFunc("/together", func(w http.ResponseWriter, r *http.Request) {
		together.Done()
		together.Wait()
		io.WriteString(w, r.Header.Get("X-Version"))
	})
	mux.Handle("/chat", websocket.Handler(func(s *websocket.Conn) { io.Copy(s, s) }))
	server := &http.Server{Handler: mux, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	server.Serve(listener)
}

func told(stream grpc.ServerStream) error {
	var message []byte
	if err := stream.RecvMsg(&message); err != nil {
		return err
	}
	fields, _ := metadata.FromIncomingContext(stream.Context())
	if version := fields.Get("x-version"); len(version) == 1 {
		message = []byte(version[0])
	}
	return stream.SendMsg(&message)
}

// Counts on for ever.
func watched(stream grpc.ServerStream) error {
	for i := 0; ; i++ {
		message := []byte(strconv.Itoa(i))
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
		time.Sleep(turn)
	}
}

func serveGRPC(listener net.Listener) {
	methods := map[string]func(grpc.ServerStream) error{"Told": told, "Watched": watched}
	rawServer("swaps.Swaps", methods).Serve(listener)
}

func serveEcho(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		must(err)
		go io.Copy(conn, conn)
	}
}

// --- What came of it -------------------------------------------------------------------------------

type outcome struct {
	lock     sync.Mutex
	Calls    map[string]int64 `json:"calls"` // by service
	Wrong    map[string]int   `json:"wrong"`
	Held     map[string]int   `json:"held"`     // messages
	Accepted map[string]int64 `json:"accepted"` // connections that came once everything was open
	Dialled  int64            `json:"dialled"`  // the same of the callers
	PerS     float64          `json:"per_s"`
	P50Ms    float64          `json:"p50_ms"`
	P99Ms    float64          `json:"p99_ms"`
	MostMs   float64          `json:"most_ms"`
	Versions int              `json:"versions"` // so many were seen in force
	took     []time.Duration
	seen     map[int64]bool
}

func (o *outcome) wrong(words string) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.Wrong[words]++
}

func (o *outcome) called(service string, took time.Duration, version int64) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.Calls[service]++
	o.took = append(o.took, took)
	o.seen[version] = true
}

func (o *outcome) held(kind string) {
	o.lock.Lock()
	defer o.lock.Unlock()
	o.Held[kind]++
}

func (o *outcome) close(took time.Duration, before map[string]int64) {
	slices.Sort(o.took)
	ms := func(share float64) float64 {
		return float64(o.took[int(share*float64(len(o.took)-1))].Microseconds()) / 1000
	}
	o.P50Ms, o.P99Ms, o.MostMs = ms(.5), ms(.99), ms(1)
	o.Versions = len(o.seen)
	calls := int64(0)
	for service, count := range o.Calls {
		calls += count
		o.Calls[service] += before[service]
	}
	o.PerS = float64(calls) / took.Seconds()
}

// --- Callers ---------------------------------------------------------------------------------------

var dialled atomic.Int64

func dial(port int) net.Conn {
	dialled.Add(1)
	conn, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
	must(err)
	return conn
}

// One connection. `call` tells the version that its answer came under, and that of its request.
type client struct {
	service string
	call    func(path string) (answered, asked string, err error)
	newest  atomic.Int64
}

// A call is under one version, and under none that is older than an earlier one's.
func (c *client) try(o *outcome) {
	floor, begun := c.newest.Load(), time.Now()
	answered, asked, err := c.call("/")
	version, _ := strconv.ParseInt(answered, 10, 64)
	switch {
	case err != nil:
		o.wrong(fmt.Sprintf("%s: %v", c.service, err))
	case answered != asked:
		o.wrong(c.service + ": a request of one version, its answer of another")
	case version >= firstBad:
		o.wrong(c.service + ": a bad file is in force")
	case version < floor:
		o.wrong(c.service + ": an older version came back")
	}
	for newest := c.newest.Load(); version > newest && !c.newest.CompareAndSwap(newest, version); {
		newest = c.newest.Load()
	}
	o.called(c.service, time.Since(begun), version)
}

func httpClient(service string, port int, version2 bool) *client {
	t := &http.Transport{Protocols: new(http.Protocols), MaxConnsPerHost: 1,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return dial(port), nil }}
	t.Protocols.SetHTTP1(!version2)
	t.Protocols.SetUnencryptedHTTP2(version2)
	c := &http.Client{Transport: t, Timeout: time.Minute}
	return &client{service: service, call: func(path string) (string, string, error) {
		r, err := c.Get("http://" + service + path)
		if err != nil {
			return "", "", err
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err == nil && r.StatusCode != 200 {
			err = fmt.Errorf("%d %s", r.StatusCode, r.Header.Get("Proxy-Status"))
		}
		return r.Header.Get("X-Version"), string(body), err
	}}
}

func grpcConnection(service string, port int) *grpc.ClientConn {
	made, err := grpc.NewClient("passthrough:///"+service, grpc.WithAuthority(service),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return dial(port), nil }),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})))
	must(err)
	return made
}

func grpcClient(service string, port int) *client {
	c := grpcConnection(service, port)
	return &client{service: service, call: func(string) (string, string, error) {
		var head metadata.MD
		var got []byte
		sent := []byte("none")
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err := c.Invoke(ctx, "/swaps.Swaps/Told", &sent, &got, grpc.Header(&head))
		return fmt.Sprint(append(head.Get("x-version"), "")[0]), string(got), err
	}}
}

// --- What is held ----------------------------------------------------------------------------------

// One of these says something and awaits its return, turn by turn.
type holding struct {
	kind string
	say  func(string) (string, error)
}

func (h holding) turnOf(o *outcome, i int) bool {
	said := fmt.Sprint(h.kind, " ", i)
	heard, err := h.say(said)
	if err != nil || heard != said {
		o.wrong(fmt.Sprintf("%s: %q came back as %q, %v", h.kind, said, heard, err))
		return false
	}
	o.held(h.kind)
	return true
}

func echoing(kind string, conn io.ReadWriter) holding {
	return holding{kind, func(said string) (string, error) {
		if _, err := io.WriteString(conn, said); err != nil {
			return "", err
		}
		heard := make([]byte, len(said))
		_, err := io.ReadFull(conn, heard)
		return string(heard), err
	}}
}

func tunnel(port int) net.Conn {
	conn := dial(port)
	io.WriteString(conn, "CONNECT tunnel:80 HTTP/1.1\r\nHost: tunnel:80\r\n\r\n")
	answer := make([]byte, len("HTTP/1.1 200 OK\r\n\r\n"))
	_, err := io.ReadFull(conn, answer)
	must(err)
	if string(answer) != "HTTP/1.1 200 OK\r\n\r\n" {
		must(fmt.Errorf("CONNECT was answered by %q", answer))
	}
	return conn
}

func chat(port int) *websocket.Conn {
	config, err := websocket.NewConfig("ws://chat/chat", "http://chat")
	must(err)
	socket, err := websocket.NewClient(config, dial(port))
	must(err)
	return socket
}

// The n-th message of a stream is n.
func watch(c *grpc.ClientConn) holding {
	stream, err := c.NewStream(context.Background(),
		&grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/swaps.Swaps/Watched")
	must(err)
	must(stream.CloseSend())
	next := 0
	return holding{"stream", func(said string) (string, error) {
		var got []byte
		if err := stream.RecvMsg(&got); err != nil {
			return "", err
		}
		if want := strconv.Itoa(next); string(got) != want {
			return "", fmt.Errorf("message %s instead of %s", got, want)
		}
		next++
		return said, nil
	}}
}

// --- All of it -------------------------------------------------------------------------------------

type load struct {
	clients []*client // each as often as it has calls at once
	held    []holding
}

func open(outbound, tcp int) *load {
	l := &load{}
	for i := 0; i < callersOfOne; i++ {
		l.clients = append(l.clients, httpClient("one", outbound, false))
	}
	for i := 0; i < connectionsOfTwo; i++ {
		c := httpClient("two", outbound, true)
		for s := 0; s < streamsOfEach; s++ {
			l.clients = append(l.clients, c)
		}
	}
	c := grpcClient("calls", outbound)
	for i := 0; i < callersOfCalls; i++ {
		l.clients = append(l.clients, c)
	}
	l.held = append(l.held, echoing("tunnel", tunnel(outbound)), echoing("tcp", dial(tcp)),
		echoing("websocket", chat(outbound)))
	streams := grpcConnection("streams", outbound)
	for i := 0; i < watchers; i++ {
		l.held = append(l.held, watch(streams))
	}
	return l
}

// Each caller has a call, all of `one` at the same time: the pools are as large as they may have to be.
func (l *load) warm(o *outcome) map[string]int64 {
	calls := map[string]int64{}
	var group sync.WaitGroup
	for _, c := range l.clients {
		calls[c.service]++
		path := "/"
		if c.service == "one" {
			path = "/together"
		}
		group.Add(1)
		go func() {
			defer group.Done()
			_, _, err := c.call(path)
			must(err)
		}()
	}
	for _, h := range l.held {
		h.turnOf(o, 0)
	}
	group.Wait()
	return calls
}

// Every caller keeps its times: one that is late has its next call at once.
func (l *load) run(o *outcome, perS int, over <-chan struct{}) {
	var group sync.WaitGroup
	begun, each := time.Now(), time.Duration(len(l.clients))*time.Second/time.Duration(perS)
	keep := func(first, each time.Duration, step func(i int) bool) {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				case <-time.After(time.Until(begun.Add(first + time.Duration(i)*each))):
				}
				if !step(i) {
					return
				}
			}
		}()
	}
	for i, c := range l.clients {
		keep(each*time.Duration(i)/time.Duration(len(l.clients)), each,
			func(int) bool { c.try(o); return true })
	}
	for _, h := range l.held {
		keep(0, turn, func(i int) bool { return h.turnOf(o, i) })
	}
	group.Wait()
	for _, h := range l.held { // they are there to the last
		h.turnOf(o, -1)
	}
}

func main() {
	perS, err := strconv.Atoi(os.Args[1])
	must(err)
	origins := map[string]*counted{"one": listen(), "two": listen(), "grpc": listen(), "echo": listen()}
	ports := map[string]int{}
	for name, listener := range origins {
		ports[name] = listener.Addr().(*net.TCPAddr).Port
	}
	go serveHTTP(origins["one"])
	go serveHTTP(origins["two"])
	go serveGRPC(origins["grpc"])
	go serveEcho(origins["echo"])
	said, input := json.NewEncoder(os.Stdout), bufio.NewReader(os.Stdin)
	must(said.Encode(ports))
	line, err := input.ReadBytes('\n')
	must(err)
	var at struct{ Outbound, Tcp int }
	must(json.Unmarshal(line, &at))

	o := &outcome{Calls: map[string]int64{}, Wrong: map[string]int{}, Held: map[string]int{},
		Accepted: map[string]int64{}, seen: map[int64]bool{}}
	l := open(at.Outbound, at.Tcp)
	before := l.warm(o)
	for name, listener := range origins {
		o.Accepted[name] = -listener.accepted.Load()
	}
	o.Dialled = -dialled.Load()
	must(said.Encode("open"))
	over, begun := make(chan struct{}), time.Now()
	go func() {
		io.Copy(io.Discard, input)
		close(over)
	}()
	l.run(o, perS, over)
	o.close(time.Since(begun), before)
	for name, listener := range origins {
		o.Accepted[name] += listener.accepted.Load()
	}
	o.Dialled += dialled.Load()
	must(said.Encode(o))
}
