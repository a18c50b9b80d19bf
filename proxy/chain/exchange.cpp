#include "proxy/chain/exchange.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

#include "proxy/base/assert.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/chain/local_reply.hpp"
#include "proxy/chain/route.hpp"
#include "proxy/http/grpc.hpp"

namespace outrigger::chain {

Exchange* Exchange::create(Runtime& runtime, ResponseSink& sink, ExchangeBlock block) {
  const std::span<std::byte> bytes = runtime.exchanges.take(block);
  return new (bytes.data()) Exchange(runtime, sink, block, bytes.subspan(sizeof(Exchange)));
}

Exchange::Exchange(Runtime& runtime, ResponseSink& sink, ExchangeBlock block,
                   std::span<std::byte> rest)
    : x_runtime(runtime),
      x_sink(sink),
      x_arena(rest),
      x_body(x_arena, runtime.retry_bodies),
      x_block(block) {
  x_facts.start_ns = runtime.loop.clock.precise_ns();
}

void Exchange::reap() {
  ExchangePool& pool = x_runtime.exchanges;
  const ExchangeBlock block = x_block;
  this->~Exchange();
  pool.give_back(block, this);
}

int64_t Exchange::held_bytes() const {
  const size_t block = ExchangePool::kBytes[static_cast<size_t>(x_block)];
  return static_cast<int64_t>(block + x_arena.heap_bytes()) + x_body.held();
}

int64_t Exchange::kernel_bytes() {
  int64_t bytes = 0;
  x_live.for_each([&](const Leg& leg) { bytes += leg.kernel_bytes(); });
  return bytes;
}

// ---- the server side

void Exchange::begin(const Route& route, const Chain& chain) {
  run_on(&route);
  if (x_into_tunnel) x_request_complete_ms = x_runtime.loop.clock.now_ms();
  x_first = Leg::create(*this, chain, 0, nullptr);
}

void Exchange::run_on(const Route* route) {
  x_route = route;
  x_grpc = http::is_grpc(x_request);
  x_into_tunnel = x_request.begins_tunnel();
  if (route != nullptr) ++route->running;
}

void Exchange::move_to(const Route& route) {
  --x_route->running;
  x_route = &route;
  ++route.running;
}

void Exchange::answer(const Route* route, const Error& error) {
  run_on(route);
  x_committed = true;
  send(answer_of(error));
}

void Exchange::append_request_body(std::string_view bytes) {
  x_facts.bytes_in += static_cast<int64_t>(bytes.size());
  x_body.begin_append(bytes);
  for_each_leg([&](Leg& leg) { leg.on_request_chunk(bytes); });
  tell_calls_of_body();
  // A leg that was opened a moment ago starts again from byte 0.
  x_body.read_to(slowest_reader());
  x_body.end_append();
  x_body_full = !x_body.has_room();
}

void Exchange::finish_request(const http::Fields* trailers) {
  x_body.finish(trailers);
  if (!x_into_tunnel) {
    x_request_complete_ms = x_runtime.loop.clock.now_ms();
    for_each_leg([](Leg& leg) { leg.on_request_end(); });
  }
  tell_calls_of_body();
}

void Exchange::tell_calls_of_body() {
  for_each_leg([](Leg& leg) { leg.tell_call_of_body(); });
}

// A call may end the exchange from within visit(leg), and legs with it: then the list is not what
// it was, so it is begun anew, past the legs that this round has seen.
template <class F>
void Exchange::for_each_leg(F visit) {
  const uint32_t round = ++x_round;
  const auto next = [&] {
    Leg* found = nullptr;
    x_live.for_each([&](Leg& leg) {
      if (found == nullptr && leg.joins(round)) found = &leg;
    });
    return found;
  };
  while (Leg* leg = next()) visit(*leg);
}

void Exchange::on_sink_drained() {
  if (!x_congested) return;
  x_congested = false;
  // A call that has pushed all of its answer has given its connection back.
  if (x_complete) return;
  if (Call* call = flowing_call()) call->on_congestion(false);
}

void Exchange::on_sink_stalled() {
  for_each_leg([](Leg& leg) { leg.on_reader_stalled(); });
}

void Exchange::fail(const Error& error) {
  if (x_complete) return;
  x_facts.cause = error.cause;
  x_facts.detail = error.detail;
  if (std::exchange(x_committed, true)) {
    x_complete = true;
    x_first->end({Outcome::Kind::kFailed, &error});
    return x_sink.abort(error);
  }
  // The facts are complete before the frames end: one of them writes the log.
  const ErrorAnswer answer = answer_of(error);
  if (x_first != nullptr) x_first->end({Outcome::Kind::kFailed, &error});
  send(answer);
}

void Exchange::end(const Outcome& outcome) {
  OUTRIGGER_ASSERT(!x_ended);
  x_ended = true;
  x_complete = true;
  if (x_first != nullptr) x_first->end(outcome);
  OUTRIGGER_ASSERT(x_live.empty());
  if (x_runtime.observer != nullptr) x_runtime.observer->on_exchange_end(*this, outcome);
  if (x_route != nullptr) --x_route->running;
  x_runtime.loop.reaper.doom(this);
}

// ---- the driver and the legs

void Exchange::commit() {
  OUTRIGGER_ASSERT(!x_committed);
  x_committed = true;
  Leg& first = *x_first;
  if (const Error* error = first.error()) return send(answer_of(*error));
  Leg& answering = first.start_flow();
  answering.for_each_held_interim(
      [&](int status, std::string_view reason, const http::Fields& fields) {
        x_sink.send_interim(status, reason, fields);
      });
  on_body_read();
  x_body.stop_retaining();
  // An Upgrade was a request so far; now its caller speaks again.
  if (first.response()->tunnel && !std::exchange(x_into_tunnel, true)) x_body.reopen();
  note_head(*first.response());
  x_sink.send_head(*first.response());
  if (first.is_local_reply()) {
    if (!first.local_body().empty()) push_body(first.local_body());
    return push_end(first.local_trailers());
  }
  answering.call()->on_flow();
}

void Exchange::note_head(const http::ResponseHead& head) {
  x_facts.first_byte_ns = x_runtime.loop.clock.precise_ns();
  x_facts.status = head.status;
  x_facts.stream = head.stream;
  if (x_grpc) x_facts.grpc_status = http::grpc_status(head);
}

Exchange::ErrorAnswer Exchange::answer_of(const Error& error) {
  x_facts.cause = error.cause;
  x_facts.detail = error.detail;
  x_facts.own_reply = true;
  const LocalReply reply = render(error, x_route != nullptr ? x_route->label : "", x_grpc, x_arena);
  const http::ResponseHead* head = to_head(reply, x_request.method, x_arena);
  const auto body = head->framing == http::Framing::kNone ? std::string_view() : reply.body;
  note_head(*head);
  x_facts.bytes_out = static_cast<int64_t>(body.size());
  return {head, body};
}

void Exchange::send(const ErrorAnswer& answer) {
  x_sink.send_head(*answer.head);
  if (!answer.body.empty()) x_sink.send_body(answer.body);
  push_end(nullptr);
}

void Exchange::push_body(std::string_view bytes) {
  x_facts.bytes_out += static_cast<int64_t>(bytes.size());
  x_sink.send_body(bytes);
  if (x_congested || !x_sink.is_congested()) return;
  x_congested = true;
  if (Call* call = flowing_call()) call->on_congestion(true);
}

void Exchange::push_end(const http::Fields* trailers) {
  if (x_grpc && x_facts.grpc_status == http::kGrpcPending) {
    x_facts.grpc_status = http::grpc_status(trailers);
  }
  x_complete = true;
  x_sink.send_end(trailers);
}

void Exchange::send_continue(std::string_view reason) {
  if (x_committed || x_continued) return;
  x_continued = true;
  x_sink.send_interim(100, reason, {});
}

void Exchange::send_interim(int status, std::string_view reason, const http::Fields& fields) {
  if (!x_committed) x_sink.send_interim(status, reason, fields);
}

Leg* Exchange::find_leg_under(const Leg& parent) {
  Leg* found = nullptr;
  x_live.for_each([&](Leg& leg) {
    if (found == nullptr && leg.is_under(parent)) found = &leg;
  });
  return found;
}

void Exchange::on_body_read() {
  if (x_complete || x_body.size() == 0) return;
  x_body.read_to(slowest_reader());
  if (!x_body_full || !x_body.has_room()) return;
  x_body_full = false;
  x_sink.want_request_body();
}

// How far every leg has read that may still read. Nobody reads: as far as was read before.
int64_t Exchange::slowest_reader() {
  int64_t slowest = std::numeric_limits<int64_t>::max();
  x_live.for_each([&](Leg& leg) {
    if (leg.may_read_body()) slowest = std::min(slowest, leg.body_at());
  });
  return slowest == std::numeric_limits<int64_t>::max() ? x_body.read() : slowest;
}

// The call whose body goes to the sink, if any does.
Call* Exchange::flowing_call() {
  if (x_first == nullptr || !x_first->is_flowing()) return nullptr;
  return x_first->flowing().call();
}

// ---- the pool

ExchangePool::~ExchangePool() {
  for (FreeList& free : x_free) {
    while (free.first != nullptr) {
      void* const next = *static_cast<void**>(free.first);
      std::free(std::exchange(free.first, next));
    }
  }
}

std::span<std::byte> ExchangePool::take(ExchangeBlock kind) {
  ++x_in_use;
  FreeList& free = x_free[static_cast<size_t>(kind)];
  const size_t bytes = kBytes[static_cast<size_t>(kind)];
  x_in_use_bytes += static_cast<int64_t>(bytes);
  void* block = free.first;
  if (block != nullptr) {
    free.first = *static_cast<void**>(block);
    --free.count;
  } else {
    block = std::malloc(bytes);
    if (block == nullptr) throw std::bad_alloc();
  }
  return {static_cast<std::byte*>(block), bytes};
}

void ExchangePool::give_back(ExchangeBlock kind, void* block) {
  --x_in_use;
  x_in_use_bytes -= static_cast<int64_t>(kBytes[static_cast<size_t>(kind)]);
  FreeList& free = x_free[static_cast<size_t>(kind)];
  if (free.count >= x_free_max) return std::free(block);
  *static_cast<void**>(block) = free.first;
  free.first = block;
  ++free.count;
}

}  // namespace outrigger::chain
