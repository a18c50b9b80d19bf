// One question to an endpoint: a GET, a call of grpc.health.v1, or a mere connection. Each returns
// an operation that tells `done` once, never from inside; destroying it cancels. Control thread.
#pragma once

#include <functional>
#include <string>

#include "proxy/client/client.hpp"
#include "proxy/health/endpoint_check.hpp"

namespace outrigger::health {

using Done = std::function<void(const Finding&)>;

io::OperationPtr ask(const CheckContext& context, const Address& endpoint, Done done);

// The message HealthCheckRequest{service}, framed as gRPC does; see grpc/health/v1/health.proto.
std::string health_request(const std::string& service);
// What the body of an answer says: of HealthCheckResponse{status}.
Finding read_health_response(std::string_view body);

}  // namespace outrigger::health
