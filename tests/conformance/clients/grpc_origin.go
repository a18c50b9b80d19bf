// The gRPC origin of the client matrix: `grpc_origin FD IDLE_MS [CERT KEY]`, as origin.go. Messages are
// bytes without a format, so that no client needs generated code.
package main

import (
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

type raw struct{}

func (raw) Name() string { return "raw" }
func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}
func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

func one(stream grpc.ServerStream) ([]byte, error) {
	var message []byte
	err := stream.RecvMsg(&message)
	return message, err
}

func echo(stream grpc.ServerStream) error {
	message, err := one(stream)
	if err != nil {
		return err
	}
	return stream.SendMsg(&message)
}

func fail(stream grpc.ServerStream) error {
	one(stream)
	stream.SetTrailer(metadata.Pairs("x-request-id", "of-the-trailer"))
	return status.Error(codes.FailedPrecondition, "as it should: ü")
}

func never(stream grpc.ServerStream) error {
	one(stream)
	<-stream.Context().Done()
	return stream.Context().Err()
}

// `count` messages of `size` bytes.
func down(count, size int) func(grpc.ServerStream) error {
	return func(stream grpc.ServerStream) error {
		one(stream)
		message := make([]byte, size)
		for i := 0; i < count; i++ {
			if err := stream.SendMsg(&message); err != nil {
				return err
			}
		}
		return nil
	}
}

// Silent, without even a head, and then one message.
func silent(time_ time.Duration) func(grpc.ServerStream) error {
	return func(stream grpc.ServerStream) error {
		message, _ := one(stream)
		select {
		case <-time.After(time_):
			return stream.SendMsg(&message)
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

// Says how many messages came.
func up(stream grpc.ServerStream) error {
	for count := uint32(0); ; count++ {
		if _, err := one(stream); err == io.EOF {
			message := binary.BigEndian.AppendUint32(nil, count)
			return stream.SendMsg(&message)
		} else if err != nil {
			return err
		}
	}
}

func both(stream grpc.ServerStream) error {
	for {
		message, err := one(stream)
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.SendMsg(&message); err != nil {
			return err
		}
	}
}

func service() *grpc.ServiceDesc {
	description := &grpc.ServiceDesc{ServiceName: "matrix.Matrix", HandlerType: (*any)(nil)}
	for name, handler := range map[string]func(grpc.ServerStream) error{
		"Echo": echo, "Fail": fail, "Never": never, "Up": up, "Both": both,
		"Down": down(2000, 100), "Slow": down(64, 128*1024),
		"Watch": silent(3 * time.Second), "Late": silent(17 * time.Second),
	} {
		description.Streams = append(description.Streams, grpc.StreamDesc{StreamName: name,
			Handler:       func(_ any, stream grpc.ServerStream) error { return handler(stream) },
			ServerStreams: true, ClientStreams: true})
	}
	return description
}

func tellReady() {
	fd, _ := strconv.Atoi(os.Getenv("READY"))
	ready := os.NewFile(uintptr(fd), "ready")
	ready.Write([]byte("x"))
	ready.Close()
}

func main() {
	fd, _ := strconv.Atoi(os.Args[1])
	idle, _ := strconv.Atoi(os.Args[2])
	listener, err := net.FileListener(os.NewFile(uintptr(fd), "listener"))
	if err != nil {
		log.Fatal(err)
	}
	options := []grpc.ServerOption{grpc.ForceServerCodecV2(raw{})}
	if idle > 0 {
		options = append(options, grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionIdle: time.Duration(idle) * time.Millisecond}))
	}
	if len(os.Args) > 3 {
		tls, err := credentials.NewServerTLSFromFile(os.Args[3], os.Args[4])
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	server := grpc.NewServer(options...)
	server.RegisterService(service(), nil)
	soon, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	done := make(chan struct{})
	go func() {
		<-soon.Done()
		time.AfterFunc(10*time.Second, server.Stop)
		server.GracefulStop()
		close(done)
	}()
	tellReady()
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
	<-done
}
