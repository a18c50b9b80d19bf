#include "proxy/chain/exchange.hpp"

#include <cstdlib>
#include <new>

#include "proxy/base/assert.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/chain/local_reply.hpp"
#include "proxy/chain/route.hpp"

namespace outrigger::chain {

Exchange* Exchange::create(Runtime& runtime, ResponseSink& sink) {
  const std::span<std::byte> block = runtime.exchanges.take();
  return new (block.data()) Exchange(runtime, sink, block.subspan(sizeof(Exchange)));
}

Exchange::Exchange(Runtime& runtime, ResponseSink& sink, std::span<std::byte> rest)
    : x_runtime(runtime), x_sink(sink), x_arena(rest), x_body(x_arena, runtime.retry_bodies) {
  x_facts.start_ns = runtime.loop.clock.precise_ns();
}

void Exchange::reap() {
  ExchangePool& pool = x_runtime.exchanges;
  this->~Exchange();
  pool.give_back(this);
}

// ---- the server side

void Exchange::begin(const Route& route, const Chain& chain) {
  x_route = &route;
  x_first = Leg::create(*this, chain, 0, nullptr);
}

void Exchange::answer(const Route* route, const Error& error) {
  x_route = route;
  x_committed = true;
  commit_error(error);
}

void Exchange::append_request_body(std::string_view bytes) {
  x_facts.bytes_in += static_cast<int64_t>(bytes.size());
  x_body.begin_append(bytes);
  x_live.for_each([&](Leg& leg) { leg.on_request_chunk(bytes); });
  tell_calls_of_body();
  x_body.end_append();
}

void Exchange::finish_request(const http::Fields* trailers) {
  x_body.finish(trailers);
  x_request_complete_ms = x_runtime.loop.clock.now_ms();
  x_live.for_each([](Leg& leg) { leg.on_request_end(); });
  tell_calls_of_body();
}

void Exchange::tell_calls_of_body() {
  x_live.for_each([](Leg& leg) {
    if (leg.x_call != nullptr) leg.x_call->on_request_body();
  });
}

void Exchange::on_sink_drained() {
  if (!x_congested) return;
  x_congested = false;
  if (Call* call = answering_call()) call->on_congestion(false);
}

void Exchange::end(const Outcome& outcome) {
  OUTRIGGER_ASSERT(!x_ended);
  x_ended = true;
  if (x_first != nullptr) x_first->end(outcome.kind, outcome.error);
  if (x_runtime.observer != nullptr) x_runtime.observer->on_exchange_end(*this, outcome);
  x_runtime.loop.reaper.doom(this);
}

// ---- the driver and the legs

void Exchange::commit() {
  OUTRIGGER_ASSERT(!x_committed);
  x_committed = true;
  Leg& first = *x_first;
  if (const Error* error = first.error()) return commit_error(*error);
  Leg& answering = first.start_flow();
  for (auto* held = answering.x_held; held != nullptr; held = held->next) {
    x_sink.send_interim(held->status, held->fields);
  }
  x_body.stop_retaining();
  commit_head(*first.response());
  if (first.is_local_reply()) {
    if (!first.x_local_body.empty()) push_body(first.x_local_body);
    return push_end(nullptr);
  }
  answering.x_call->on_flow();
}

void Exchange::commit_head(const http::ResponseHead& head) {
  x_facts.first_byte_ns = x_runtime.loop.clock.precise_ns();
  x_facts.status = head.status;
  x_sink.send_head(head);
}

void Exchange::commit_error(const Error& error) {
  x_facts.cause = error.cause;
  x_facts.detail = error.detail;
  const LocalReply reply = render(error, x_route != nullptr ? x_route->label : "", x_arena);
  const http::ResponseHead* head = to_head(reply, x_request.method, x_arena);
  commit_head(*head);
  if (head->framing != http::Framing::kNone) push_body(reply.body);
  push_end(nullptr);
}

void Exchange::push_body(std::string_view bytes) {
  x_facts.bytes_out += static_cast<int64_t>(bytes.size());
  x_sink.send_body(bytes);
  if (x_congested || !x_sink.is_congested()) return;
  x_congested = true;
  if (Call* call = answering_call()) call->on_congestion(true);
}

void Exchange::push_end(const http::Fields* trailers) { x_sink.send_end(trailers); }

void Exchange::fail(const Error& error) {
  x_facts.cause = error.cause;
  x_facts.detail = error.detail;
  if (x_first != nullptr) x_first->end(Outcome::Kind::kFailed, &error);
  if (x_committed) return x_sink.abort(error);
  x_committed = true;
  commit_error(error);
}

void Exchange::send_continue() {
  if (x_committed || x_continued) return;
  x_continued = true;
  x_sink.send_interim(100, {});
}

void Exchange::send_interim(int status, const http::Fields& fields) {
  if (!x_committed) x_sink.send_interim(status, fields);
}

Leg* Exchange::find_leg_under(const Leg& parent) {
  Leg* found = nullptr;
  x_live.for_each([&](Leg& leg) {
    if (found == nullptr && leg.x_parent == &parent) found = &leg;
  });
  return found;
}

Call* Exchange::answering_call() {
  if (x_first == nullptr) return nullptr;
  Leg* leg = x_first.get();
  while (leg->x_accepted != nullptr) leg = leg->x_accepted.get();
  return leg->x_call.get();
}

// ---- the pool

ExchangePool::~ExchangePool() {
  while (x_free != nullptr) {
    void* const next = *static_cast<void**>(x_free);
    std::free(std::exchange(x_free, next));
  }
}

std::span<std::byte> ExchangePool::take() {
  ++x_in_use;
  void* block = x_free;
  if (block != nullptr) {
    x_free = *static_cast<void**>(block);
    --x_free_count;
  } else {
    block = std::malloc(kBlockBytes);
    if (block == nullptr) throw std::bad_alloc();
  }
  return {static_cast<std::byte*>(block), kBlockBytes};
}

void ExchangePool::give_back(void* block) {
  --x_in_use;
  if (x_free_count == kFreeMax) return std::free(block);
  *static_cast<void**>(block) = x_free;
  x_free = block;
  ++x_free_count;
}

}  // namespace outrigger::chain
