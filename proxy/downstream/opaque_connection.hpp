// An OpaqueConnection carries what it does not read: databases, brokers, TLS of others. It is one
// exchange of kind tunnel, whose body is the connection itself. Where nobody has spoken yet, the
// server may be the first, and then it is opaque; bytes of the caller are looked at as any
// (Detection). Owned by the Acceptor; one thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/buffer.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/downstream/connection.hpp"
#include "proxy/downstream/sniffer.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::downstream {

class OpaqueConnection final : public Connection,
                               public io::StreamEvents,
                               private chain::ResponseSink {
 public:
  using Owner = List<Connection, OwnedByAcceptor>;

  // Why it is taken to be opaque.
  enum class Verdict : uint8_t {
    kNone,        // nobody has spoken yet
    kConfigured,  // the configuration says so
    kTls,         // a ClientHello came
    kBytes,       // what came is neither HTTP nor TLS
  };

  // `server_name`: of a ClientHello, or empty.
  OpaqueConnection(ServerContext& context, Arrival arrival, Owner& owner, io::StreamPtr stream,
                   Verdict verdict, std::string_view server_name);
  ~OpaqueConnection() override;

  void start();
  void close_if_idle() override {}
  int reset() override;
  Holding holding() override;
  int64_t kernel_bytes() override;

 private:
  // -- io::StreamEvents
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override { end(chain::Outcome::Kind::kCallerGone); }
  void on_drained() override;

  // -- chain::ResponseSink
  void send_interim(int /*status*/, std::string_view /*reason*/,
                    const http::Fields& /*fields*/) override {}
  void send_head(const http::ResponseHead& head) override;
  void send_body(std::string_view bytes) override;
  void send_half_close() override { x_stream->finish(); }
  void send_end(const http::Fields* trailers) override;
  void abort(const Error& error) override;
  bool is_congested() const override { return x_stream->unsent() > 0; }
  Address caller() const override { return x_stream == nullptr ? Address() : x_stream->peer(); }
  void want_request_body() override { settle(); }

  bool is_over() const { return x_stream == nullptr; }
  void look(std::string_view bytes);
  void wait_for_more();
  void settle_as_opaque();
  void pass_on(std::string_view bytes);
  void note_verdict(Verdict verdict);
  void settle();
  void on_timer();
  void on_stall();
  void end(chain::Outcome::Kind kind, const Error* error = nullptr);

  Owner& x_owner;
  io::StreamPtr x_stream;                 // null: over
  chain::Exchange* x_exchange = nullptr;  // null: the last bytes are on their way
  Timer x_timer = Timer::of<&OpaqueConnection::on_timer>(*this);
  Sniffer x_sniffer{Sniffer::Expected::kAnything};
  Buffer x_unclear;  // of the caller, who spoke first
  Verdict x_verdict;
  int64_t x_stalled_ms = 0;  // with the last bytes
  size_t x_left = 0;         // of these, when it was looked
  bool x_reading = true;
  bool x_refused = false;  // there is no tunnel
};

}  // namespace outrigger::downstream
