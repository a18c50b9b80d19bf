// One call of a Client: an exchange whose caller is ourselves. Owned as the operation that
// Client::send() returned; control thread.
#pragma once

#include <limits>
#include <optional>
#include <string>

#include "proxy/base/timer_wheel.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/client/client.hpp"

namespace outrigger::client {

class ClientCall final : public io::Operation, private chain::ResponseSink {
 public:
  ClientCall(chain::Runtime& runtime, const chain::Route& route, const Url& url,
             const Request& request, const Bounds& bounds, AnswerEvents& events);
  ~ClientCall() override;

 private:
  void send_interim(int, std::string_view, const http::Fields&) override {}
  void send_head(const http::ResponseHead& head) override;
  void send_body(std::string_view bytes) override;
  void send_end(const http::Fields* trailers) override;
  void abort(const Error& error) override;
  bool is_congested() const override { return false; }
  void want_request_body() override {}

  void write_head(const Url& url, const Request& request);
  void on_timer();
  void arm(int64_t ms);
  void end(chain::Outcome::Kind kind);
  void fail(const std::string& why);
  std::string said(const Error& error) const;
  // Given to the Reaper: nobody is told any more.
  bool is_cancelled() const { return is_linked(); }

  chain::Exchange* x_exchange;
  const std::optional<Address> x_at;
  const Bounds x_bounds;
  const std::string x_server;
  AnswerEvents& x_events;
  Timer x_timer = Timer::of<&ClientCall::on_timer>(*this);
  int64_t x_ends_ms = std::numeric_limits<int64_t>::max();  // of an answer whose head is here
  size_t x_body_bytes = 0;
  bool x_has_head = false;
  std::string x_failure;  // said once the exchange may end
};

}  // namespace outrigger::client
