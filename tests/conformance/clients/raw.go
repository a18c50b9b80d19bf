// The codec of the programs that speak gRPC: messages are bytes, so that none needs generated code.
package main

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
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

// A service whose methods are these, each a stream both ways, which calls of every kind fit.
func rawServer(name string, methods map[string]func(grpc.ServerStream) error,
	options ...grpc.ServerOption) *grpc.Server {
	description := &grpc.ServiceDesc{ServiceName: name, HandlerType: (*any)(nil)}
	for method, handler := range methods {
		description.Streams = append(description.Streams, grpc.StreamDesc{StreamName: method,
			Handler:       func(_ any, stream grpc.ServerStream) error { return handler(stream) },
			ServerStreams: true, ClientStreams: true})
	}
	server := grpc.NewServer(append(options, grpc.ForceServerCodecV2(raw{}))...)
	server.RegisterService(description, nil)
	return server
}
