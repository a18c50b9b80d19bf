// grpc-go as a client of the matrix: see grpc_clients.py for what each word asks.
// grpc_client STORY:CALLS,... BASE AT_ONCE h2 [CA]
package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

var small, large = make([]byte, 100), make([]byte, 256*1024)

func word(err error, fine bool) string {
	if err != nil {
		return "error: " + status.Code(err).String()
	}
	if !fine {
		return "ok with other messages"
	}
	return "ok"
}

func unary(c *grpc.ClientConn, ctx context.Context, method string, sent []byte,
	options ...grpc.CallOption) (bool, error) {
	var got []byte
	err := c.Invoke(ctx, "/matrix.Matrix/"+method, &sent, &got, options...)
	return len(got) == len(sent), err
}

func open(c *grpc.ClientConn, ctx context.Context, method string) (grpc.ClientStream, error) {
	return c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true},
		"/matrix.Matrix/"+method)
}

// Reads what comes behind one request until the end.
func down(c *grpc.ClientConn, ctx context.Context, method string, pause time.Duration) (int, error) {
	stream, err := open(c, ctx, method)
	if err != nil {
		return 0, err
	}
	stream.SendMsg(&small)
	stream.CloseSend()
	for count := 0; ; count++ {
		var got []byte
		if err := stream.RecvMsg(&got); err == io.EOF {
			return count, nil
		} else if err != nil {
			return count, err
		}
		time.Sleep(pause)
	}
}

func up(c *grpc.ClientConn, ctx context.Context) (bool, error) {
	stream, err := open(c, ctx, "Up")
	if err != nil {
		return false, err
	}
	for i := 0; i < 2000; i++ {
		if stream.SendMsg(&small) != nil {
			break // RecvMsg has the cause
		}
	}
	stream.CloseSend()
	var got []byte
	err = stream.RecvMsg(&got)
	return len(got) == 4 && binary.BigEndian.Uint32(got) == 2000, err
}

func both(c *grpc.ClientConn, ctx context.Context) (bool, error) {
	stream, err := open(c, ctx, "Both")
	if err != nil {
		return false, err
	}
	for i := 0; i < 100; i++ {
		var got []byte
		stream.SendMsg(&small)
		if err := stream.RecvMsg(&got); err != nil {
			return false, err
		}
	}
	stream.CloseSend()
	var more []byte
	if err := stream.RecvMsg(&more); err != io.EOF {
		return false, err
	}
	return true, nil
}

func call(c *grpc.ClientConn, story string, i int) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	switch story {
	case "watch", "late": // without a deadline
		count, err := down(c, context.Background(), strings.ToUpper(story[:1])+story[1:], 0)
		return word(err, count == 1)
	case "down":
		count, err := down(c, ctx, "Down", 0)
		return word(err, count == 2000)
	case "slow":
		count, err := down(c, ctx, "Slow", 20*time.Millisecond)
		return word(err, count == 64)
	case "up":
		fine, err := up(c, ctx)
		return word(err, fine)
	case "both":
		fine, err := both(c, ctx)
		return word(err, fine)
	case "large":
		fine, err := unary(c, ctx, "Echo", large)
		return word(err, fine)
	case "fail":
		var trailer metadata.MD
		_, err := unary(c, ctx, "Fail", small, grpc.Trailer(&trailer))
		if status.Code(err) != codes.FailedPrecondition || len(trailer["x-request-id"]) != 1 ||
			status.Convert(err).Message() != "as it should: ü" {
			return word(err, false)
		}
		return "told"
	case "deadline":
		soon, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, err := unary(c, soon, "Never", small)
		return status.Code(err).String()
	case "cancel":
		if i%8 == 0 {
			soon, cancel := context.WithCancel(context.Background())
			time.AfterFunc(20*time.Millisecond, cancel)
			_, err := unary(c, soon, "Never", small)
			return status.Code(err).String()
		}
	case "restart", "race":
		time.Sleep(time.Duration(15+i%11) * time.Millisecond)
	}
	fine, err := unary(c, ctx, "Echo", small)
	return word(err, fine)
}

func main() {
	_, address, _ := strings.Cut(os.Args[2], "://")
	trust := insecure.NewCredentials()
	if ca := authority(); ca != "" {
		trust, _ = credentials.NewClientTLSFromFile(ca, "")
	}
	c, err := grpc.NewClient(address, grpc.WithTransportCredentials(trust),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(raw{})))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	tell(func(story string, i int) string { return call(c, story, i) })
}
