// An Exchange is one call of the neighbour, from its request head to the last byte of the answer.
// It owns the arena in which everything of the call lives, the request body, and the first leg. It
// is made by the server side (downstream), which is its ResponseSink and its owner: after
// send_end() or abort() the owner ends it. Memory comes from the worker's pool and returns through
// the Reaper. One thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "metrics/series.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/arena.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/chain/leg.hpp"
#include "proxy/chain/request_body.hpp"
#include "proxy/http/message.hpp"
#include "proxy/io/outbox.hpp"

namespace outrigger::io {
struct TlsInfo;
}

namespace outrigger::chain {

class Driver;
class Exchange;
class ExchangePool;
struct Route;

// What the memory of an exchange is enough for: a call with its heads, or bytes alone. What needs
// more takes it from the heap.
enum class ExchangeBlock : uint8_t { kCall, kTunnel };

// What the exchange writes its answer to. Calls come in this order: interim*, head, body*, end;
// after the head, abort may come instead of the rest. After end or abort nothing comes. Only from
// within these two may the sink end the exchange.
class ResponseSink {
 public:
  virtual void send_interim(int status, std::string_view reason, const http::Fields& fields) = 0;
  virtual void send_head(const http::ResponseHead& head) = 0;
  // `bytes` live until the loop callback returns.
  virtual void send_body(std::string_view bytes) = 0;
  virtual void send_end(const http::Fields* trailers) = 0;
  // Only a tunnel half-closes: no more body comes, but the caller may go on sending; send_end comes
  // when both sides have ended.
  virtual void send_half_close() {}
  // The answer that was begun cannot be completed.
  virtual void abort(const Error& error) = 0;
  // What was written has not all gone: no more until Exchange::on_sink_drained().
  virtual bool is_congested() const = 0;
  // The request body has room again (RequestBody::has_room).
  virtual void want_request_body() = 0;
  // Where the caller is connected from; of kind none where nobody knows.
  virtual Address caller() const { return {}; }

 protected:
  ~ResponseSink() = default;
};

// Sees each exchange as it ends; writes the metrics of the call and, through the access log, its
// line.
class ExchangeObserver {
 public:
  virtual void on_exchange_end(const Exchange& exchange, const Outcome& outcome) = 0;

 protected:
  ~ExchangeObserver() = default;
};

// What an exchange needs of its worker.
struct Runtime {
  LoopContext loop;
  io::Outbox& outbox;
  Driver& driver;
  ExchangePool& exchanges;
  MemoryBudget& retry_bodies;
  ExchangeObserver* observer = nullptr;
};

// What is known of the call by the time it ends: for the access log, metrics and details. Views
// live in the arena or longer.
struct Facts {
  int64_t start_ns = 0;
  int64_t first_byte_ns = 0;  // the response head was committed; 0: none was
  int64_t queue_ms = 0;
  int64_t connect_ms = 0;
  int64_t bytes_in = 0;  // body bytes
  int64_t bytes_out = 0;
  std::optional<int64_t>
      deadline_left_ms;  // when the answer, or the end, came; nothing: no deadline
  int attempts = 0;
  int status = 0;               // what the caller got; 0: nothing
  bool own_reply = false;       // the answer is our own, for `cause`
  bool stream = false;          // the answer is text/event-stream or gRPC
  int grpc_status = -1;         // what the caller of a gRPC call got; -1: nothing, or another call
  bool service_port = false;    // came to a listener that is one service
  bool http1_required = false;  // an endpoint takes it over HTTP/1.1 only (RFC 9113 section 7)
  uint8_t retry_reasons = 0;    // Token bits
  bool retried_on_status = false;
  Cause cause = Cause::kNone;  // of our own answer
  std::string_view detail;
  std::string_view endpoint;         // of the attempt that answered, or of the last one
  std::string_view fallback;         // its kind
  std::string_view circuit;          // state that the call met
  std::string_view upstream_reason;  // what the upstream did that was replaced
  std::string_view request_id;
  std::string_view trace_id;
  const io::TlsInfo* tls = nullptr;               // of the caller's connection; null: clear text
  std::optional<http::Version> upstream_version;  // spoken with `endpoint`, once connected
};

class Exchange : public Reapable {
 public:
  static Exchange* create(Runtime& runtime, ResponseSink& sink,
                          ExchangeBlock block = ExchangeBlock::kCall);

  Runtime& runtime() { return x_runtime; }
  LoopContext& loop() { return x_runtime.loop; }
  Arena& arena() { return x_arena; }
  const Arena& arena() const { return x_arena; }
  http::RequestHead& request() { return x_request; }
  const http::RequestHead& request() const { return x_request; }
  RequestBody& body() { return x_body; }
  Facts& facts() { return x_facts; }
  const Facts& facts() const { return x_facts; }
  const Route* route() const { return x_route; }
  Leg& first_leg() { return *x_first; }
  // Whether it went down a chain; else it was answered without one.
  bool has_chain() const { return x_first != nullptr; }
  Address caller() const { return x_sink.caller(); }

  // -- the server side

  // Goes down `chain`. Requires: request() is filled.
  void begin(const Route& route, const Chain& chain);
  // The call is that of another route from now on: its service's part of a split. Requires: it goes
  // down a chain, and nothing of it was counted yet.
  void move_to(const Route& route);
  // Answers by itself without a chain: a malformed request, an unknown host.
  void answer(const Route* route, const Error& error);
  void append_request_body(std::string_view bytes);
  void finish_request(const http::Fields* trailers);
  void on_sink_drained();
  // The caller has taken nothing for write_stall, but may go on.
  void on_sink_stalled();
  // What the caller sends cannot be taken (malformed, too slow, too large): ends the legs, then
  // answers with the error or, after the commit, aborts. Nothing after the last byte of the answer.
  void fail(const Error& error);
  // Ends everything now, silently, and gives the memory to the Reaper.
  void end(const Outcome& outcome);

  // Where a redirected connection was going; null: it came to us by itself.
  const Address* original_destination() const { return x_original; }
  void set_original_destination(const Address* original) { x_original = original; }

  // Whether the caller speaks gRPC (http/grpc.hpp), and gets its answers so.
  bool is_grpc() const { return x_grpc; }
  // Nothing that the answer waits for is still to come from the caller. What it sends into a tunnel
  // is no part of its request.
  bool request_complete() const { return x_into_tunnel || x_body.is_complete(); }
  int64_t request_complete_ms() const { return x_request_complete_ms; }
  // The deadline that the caller itself set, for whatever is tried; Leg::kNever until a filter read
  // one.
  int64_t callers_deadline_ms() const { return x_callers_deadline_ms; }
  void set_callers_deadline_ms(int64_t at) { x_callers_deadline_ms = at; }
  // How long the answer may take is for the caller to say: `request: auto` does not bound it.
  bool caller_decides() const { return x_grpc || x_callers_deadline_ms != Leg::kNever; }
  bool is_committed() const { return x_committed; }

  // About what it holds in memory; for the choice of who goes when that runs out.
  int64_t held_bytes() const;
  // And what the kernel holds for its calls.
  int64_t kernel_bytes();

  // -- the driver and the legs

  // The head has passed the outermost filter of the first leg: nothing can be replaced any more.
  void commit();
  void push_body(std::string_view bytes);
  void push_half_close() { x_sink.send_half_close(); }
  void push_end(const http::Fields* trailers);
  void send_continue(std::string_view reason);
  void send_interim(int status, std::string_view reason, const http::Fields& fields);
  List<Leg, LiveTag>& live_legs() { return x_live; }
  Leg* find_leg_under(const Leg& parent);
  // A leg read on, or ended: what nobody will read goes, and the caller may send more.
  void on_body_read();

  void reap() override;

 private:
  friend class ExchangePool;
  void run_on(const Route* route);
  Exchange(Runtime& runtime, ResponseSink& sink, ExchangeBlock block, std::span<std::byte> rest);
  ~Exchange() override = default;

  // An error as the caller gets it.
  struct ErrorAnswer {
    const http::ResponseHead* head;
    std::string_view body;
  };

  template <class F>
  void for_each_leg(F visit);
  void tell_calls_of_body();
  Call* flowing_call();
  int64_t slowest_reader();
  void note_head(const http::ResponseHead& head);
  ErrorAnswer answer_of(const Error& error);
  void send(const ErrorAnswer& answer);

  Runtime& x_runtime;
  ResponseSink& x_sink;
  Arena x_arena;
  http::RequestHead x_request;
  RequestBody x_body;
  Facts x_facts;
  const Route* x_route = nullptr;
  List<Leg, LiveTag> x_live;
  LegPtr x_first;
  int64_t x_request_complete_ms = 0;
  int64_t x_callers_deadline_ms = Leg::kNever;
  const Address* x_original = nullptr;  // of the connection, which outlives us
  const ExchangeBlock x_block;
  bool x_grpc = false;
  bool x_into_tunnel = false;  // what the caller sends goes into a tunnel
  bool x_committed = false;
  bool x_congested = false;
  bool x_continued = false;  // a 100 went to the caller
  bool x_complete = false;   // the last byte of the answer, or the abort, went to the sink
  bool x_body_full = false;  // the caller's connection was told to wait
  uint32_t x_round = 0;
  bool x_ended = false;
};

// Blocks for exchanges; keeps a bounded number of free ones of each size. One for each worker.
class ExchangePool {
 public:
  static constexpr std::array<size_t, 2> kBytes = {6 * 1024, 2 * 1024};  // by ExchangeBlock
  static constexpr size_t kFreeMax = 256;

  ~ExchangePool();
  std::span<std::byte> take(ExchangeBlock kind);
  void give_back(ExchangeBlock kind, void* block);
  size_t in_use() const { return x_in_use; }
  // Bytes of the blocks that are in use.
  int64_t in_use_bytes() const { return x_in_use_bytes; }
  // Whether free blocks are kept. Under AddressSanitizer none is, so that it sees who uses an
  // exchange that is over.
  void set_keeping(bool keeps) { x_free_max = keeps ? kFreeMax : 0; }

 private:
  struct FreeList {
    void* first = nullptr;
    size_t count = 0;
  };

#ifdef __SANITIZE_ADDRESS__
  size_t x_free_max = 0;
#else
  size_t x_free_max = kFreeMax;
#endif
  std::array<FreeList, kBytes.size()> x_free;
  size_t x_in_use = 0;
  int64_t x_in_use_bytes = 0;
};

}  // namespace outrigger::chain
