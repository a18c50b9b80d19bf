// The gRPC origin of the client matrix, as origin.go.
package main

import (
	"encoding/binary"
	"io"
	"log"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

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

func main() {
	var options []grpc.ServerOption
	if idle := idleLimit(); idle > 0 {
		options = append(options, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idle}))
	}
	if files := certificate(); len(files) > 0 {
		tls, err := credentials.NewServerTLSFromFile(files[0], files[1])
		if err != nil {
			log.Fatal(err)
		}
		options = append(options, grpc.Creds(tls))
	}
	server := rawServer("matrix.Matrix", map[string]func(grpc.ServerStream) error{
		"Echo": echo, "Fail": fail, "Never": never, "Up": up, "Both": both,
		"Down": down(2000, 100), "Slow": down(64, 128*1024),
		"Watch": silent(3 * time.Second), "Late": silent(17 * time.Second),
	}, options...)
	serve(server.Serve, func() {
		time.AfterFunc(10*time.Second, server.Stop)
		server.GracefulStop()
	})
}
