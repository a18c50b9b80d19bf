#include "proxy/health/check_call.hpp"

#include <array>
#include <optional>
#include <utility>

#include "proxy/base/error.hpp"

namespace outrigger::health {
namespace {

constexpr size_t kBodyBytes = 64 * 1024;
constexpr size_t kGrpcPrefixBytes = 5;  // a flag and the length of the message

// ---- protocol buffers, as far as these two messages need them

constexpr char kServiceTag = 0x0a;  // field 1, a length and so many bytes
constexpr char kStatusTag = 0x08;   // field 1, a number

void append_varint(std::string& out, size_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

std::string framed(std::string_view message) {
  std::string out(1, '\0');
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(message.size() >> shift);
  return out.append(message);
}

// ---- connections

class Connect final : public io::Operation, private io::ConnectEvents {
 public:
  Connect(const CheckContext& context, const Address& to, Done done)
      : x_loop(context.loop),
        x_done(std::move(done)),
        x_connect(context.network.connect(to, *this)) {
    x_loop.timers.arm(x_late, x_loop.clock.now_ms() + context.settings.timeout_ms);
  }

 private:
  void on_connected(io::StreamPtr stream) override {
    x_loop.reaper.doom(std::move(stream));
    tell({true, "accepts connections"});
  }
  void on_connect_failed(Cause cause) override {
    tell({false, std::string(row_of(cause).sentence)});
  }
  void on_late() {
    x_loop.reaper.doom(std::move(x_connect));
    tell({false, "took no connection in time"});
  }
  void tell(const Finding& finding) {
    x_late.cancel();
    if (!is_linked()) std::exchange(x_done, nullptr)(finding);
  }

  const LoopContext x_loop;
  Done x_done;
  io::OperationPtr x_connect;
  Timer x_late = Timer::of<&Connect::on_late>(*this);
};

// ---- calls

Finding judge_http(const Result<client::Answer>& answer) {
  if (!answer) return {false, answer.error()};
  const int status = answer->status;
  return {status >= 200 && status < 300, "answers " + std::to_string(status)};
}

Finding judge_grpc(const Result<client::Answer>& answer) {
  if (!answer) return {false, answer.error()};
  if (answer->status != 200) return {false, "answers " + std::to_string(answer->status)};
  const std::string_view grpc_status = answer->field("grpc-status");
  if (!grpc_status.empty() && grpc_status != "0") {
    return {false, "answers grpc-status " + std::string(grpc_status)};
  }
  return read_health_response(answer->body);
}

io::OperationPtr call(const CheckContext& context, client::Request request, const Address& endpoint,
                      Finding (*judge)(const Result<client::Answer>&), Done done) {
  const int64_t timeout_ms = context.settings.timeout_ms;
  request.at = endpoint;
  request.fields.emplace_back("user-agent", "outrigger-health-check");
  return context.client.ask(
      request, {.head_ms = timeout_ms, .whole_ms = timeout_ms, .body_bytes = kBodyBytes},
      [judge, done = std::move(done)](const auto& answer) { done(judge(answer)); });
}

}  // namespace

std::string health_request(const std::string& service) {
  std::string message;
  if (!service.empty()) {
    message += kServiceTag;
    append_varint(message, service.size());
    message += service;
  }
  return framed(message);
}

Finding read_health_response(std::string_view body) {
  constexpr std::array<std::string_view, 4> kStatuses = {"UNKNOWN", "SERVING", "NOT_SERVING",
                                                         "SERVICE_UNKNOWN"};
  if (body.size() < kGrpcPrefixBytes || body[0] != '\0') {
    return {false, "answers no HealthCheckResponse"};
  }
  const std::string_view message = body.substr(kGrpcPrefixBytes);
  size_t status = 0;  // what an empty message says
  if (!message.empty()) {
    if (message.size() != 2 || message[0] != kStatusTag) {
      return {false, "answers no HealthCheckResponse"};
    }
    status = static_cast<unsigned char>(message[1]);
  }
  const bool is_known = status < kStatuses.size();
  return {status == 1, "says " + std::string(is_known ? kStatuses[status] : "an unknown status")};
}

io::OperationPtr ask(const CheckContext& context, const Address& endpoint, Done done) {
  const config::HealthCheck& settings = context.settings;
  if (settings.http) {
    return call(context, {.target = *settings.http}, endpoint, judge_http, std::move(done));
  }
  if (settings.grpc) {
    client::Request request{.method = "POST", .target = "/grpc.health.v1.Health/Check"};
    request.fields = {{"content-type", "application/grpc"}, {"te", "trailers"}};
    request.body = health_request(*settings.grpc);
    return call(context, std::move(request), endpoint, judge_grpc, std::move(done));
  }
  return std::make_unique<Connect>(context, endpoint, std::move(done));
}

}  // namespace outrigger::health
