#include "proxy/chain/leg.hpp"

#include <algorithm>
#include <bit>

#include "proxy/base/assert.hpp"
#include "proxy/chain/driver.hpp"
#include "proxy/chain/exchange.hpp"
#include "proxy/chain/local_reply.hpp"
#include "proxy/http/grpc.hpp"

namespace outrigger::chain {
namespace {

// Calls visit(frame) for each set bit in [first, end), innermost frame first.
template <class F>
void for_each_frame_up(uint32_t bits, size_t first, size_t end, F visit) {
  bits &= static_cast<uint32_t>((uint64_t{1} << end) - 1);
  bits &= ~static_cast<uint32_t>((uint64_t{1} << first) - 1);
  while (bits != 0) {
    const int frame = 31 - std::countl_zero(bits);
    bits &= ~(uint32_t{1} << frame);
    visit(static_cast<size_t>(frame));
  }
}

}  // namespace

void CancelLeg::operator()(Leg* leg) const noexcept {
  leg->end({Outcome::Kind::kDropped, nullptr});
}

LegPtr Leg::create(Exchange& exchange, const Chain& chain, size_t first, Leg* parent) {
  Arena& arena = exchange.arena();
  auto* slots = static_cast<std::byte*>(arena.allocate(chain.segment_bytes(first)));
  void* at = arena.allocate(sizeof(Leg), alignof(Leg));
  LegPtr leg(new (at) Leg(exchange, chain, first, parent, slots));
  exchange.live_legs().push_back(*leg);
  leg->mark_ready();
  return leg;
}

Leg::Leg(Exchange& exchange, const Chain& chain, size_t first, Leg* parent, std::byte* slots)
    : x_exchange(exchange),
      x_chain(chain),
      x_parent(parent),
      x_slots(slots),
      x_request(parent != nullptr ? parent->x_request : &exchange.request()),
      x_first(static_cast<uint16_t>(first)),
      x_end(static_cast<uint16_t>(chain.segment_end(first))),
      x_entered(x_first),
      x_at(x_end),
      x_hooks(chain.hooks(exchange.is_grpc())),
      x_depth(parent != nullptr ? static_cast<uint8_t>(parent->x_depth + 1) : uint8_t{0}) {}

// ---- the request

http::RequestHead& Leg::edit_request() {
  if (x_own_request != nullptr) return *x_own_request;
  if (x_parent == nullptr) {
    x_own_request = &x_exchange.request();
  } else {
    x_own_request = x_exchange.arena().make<http::RequestHead>(*x_request);
    x_own_request->fields = x_request->fields.clone(x_exchange.arena());
  }
  x_request = x_own_request;
  return *x_own_request;
}

int64_t Leg::deadline_ms() const {
  int64_t deadline = x_deadline_ms;
  for (const Leg* leg = x_parent; leg != nullptr; leg = leg->x_parent) {
    deadline = std::min(deadline, leg->x_deadline_ms);
  }
  return deadline;
}

int64_t Leg::reserve_ms() const {
  for (const Leg* leg = this; leg != nullptr; leg = leg->x_parent) {
    if (leg->x_reserve_ms > 0) return leg->x_reserve_ms;
  }
  return 0;
}

bool Leg::is_alternate() const {
  for (const Leg* leg = this; leg != nullptr; leg = leg->x_parent) {
    if (leg->x_alternate) return true;
  }
  return false;
}

// Shared by the attempts under one opener: kept in the leg above them.
Tried& Leg::tried() {
  if (x_parent != nullptr && x_parent->x_split) return x_parent->tried();
  Leg& keeper = x_parent != nullptr ? *x_parent : *this;
  if (keeper.x_tried == nullptr) keeper.x_tried = x_exchange.arena().make<Tried>();
  return *keeper.x_tried;
}

uint16_t Leg::timer_rank(const void* slot) const {
  return static_cast<uint16_t>(x_depth * Chain::kFiltersMax + frame_of(slot));
}

int Leg::grpc_status() const {
  if (x_response == nullptr || !x_exchange.is_grpc()) return http::kGrpcPending;
  const int said = http::grpc_status(*x_response);
  const bool ends = said == http::kGrpcPending && x_complete;
  return ends ? http::grpc_status(x_trailers) : said;
}

// ---- steps of filters

void Leg::reply(const LocalReply& reply) {
  x_response = to_head(reply, x_request->method, x_exchange.arena());
  x_local_body = x_response->framing == http::Framing::kNone ? std::string_view() : reply.body;
  x_trailers =
      reply.trailers.empty()
          ? nullptr
          : x_exchange.arena().make<http::Fields>(reply.trailers.clone(x_exchange.arena()));
  x_is_local = true;
  x_has_error = false;
  x_answered = true;
}

void Leg::refuse(const Error& error) {
  set_error(error);
  x_answered = true;
}

void Leg::set_error(const Error& error) {
  x_error = error;
  x_has_error = true;
  x_response = nullptr;
  x_is_local = false;
}

void Leg::resume() {
  x_paused = false;
  mark_ready();
}

void Leg::fail(const void* slot, const Error& error) { interrupt_at(frame_of(slot), error); }

void Leg::interrupt_at(size_t frame, const Error& error) {
  if (x_interrupted && x_interrupt_at <= frame) return;
  x_interrupted = true;
  x_interrupt_at = static_cast<uint16_t>(frame);
  x_interrupt_error = error;
  mark_ready();
}

// The memory of an ended leg may go before the driver looks again.
void Leg::mark_ready() {
  if (x_phase != Phase::kEnded) x_exchange.runtime().driver.ready(*this);
}

LegPtr Leg::open_rest() { return create(x_exchange, x_chain, x_end, this); }

LegPtr Leg::open(const Chain& chain, bool alternate) {
  LegPtr leg = create(x_exchange, chain, 0, this);
  leg->x_alternate = alternate;
  return leg;
}

void Leg::accept(LegPtr below) {
  OUTRIGGER_ASSERT(below->x_parent == this && below->x_phase == Phase::kDelivered);
  OUTRIGGER_ASSERT(x_phase == Phase::kWaiting && x_accepted == nullptr);
  x_accepted = std::move(below);
  x_response = x_accepted->x_response;
  x_is_local = x_accepted->x_is_local;
  x_local_body = x_accepted->x_local_body;
  x_trailers = x_accepted->x_trailers;
  x_has_error = x_accepted->x_has_error;
  x_error = x_accepted->x_error;
  x_answered = true;
}

// ---- reports of calls

void Leg::deliver_head(http::ResponseHead& head) {
  OUTRIGGER_ASSERT(x_phase == Phase::kWaiting && x_response == nullptr);
  head.stream = http::is_stream(head);
  x_response = &head;
  x_phase = Phase::kUp;
  mark_ready();
}

void Leg::deliver_reply(const LocalReply& local) {
  OUTRIGGER_ASSERT(x_phase == Phase::kWaiting && x_response == nullptr);
  reply(local);
  x_answered = false;
  x_phase = Phase::kUp;
  mark_ready();
}

void Leg::deliver_error(const Error& error) {
  if (x_phase != Phase::kWaiting) return interrupt_at(x_end, error);
  set_error(error);
  x_phase = Phase::kUp;
  mark_ready();
}

void Leg::deliver_interim(int status, std::string_view reason, const http::Fields& fields) {
  constexpr int kContinue = 100;
  if (status == kContinue) return x_exchange.send_continue(reason);
  if (x_held == nullptr && !may_open()) return x_exchange.send_interim(status, reason, fields);
  // Another attempt's answer may yet be taken, and then these were never sent.
  Arena& arena = x_exchange.arena();
  auto* held = arena.make<HeldInterim>(HeldInterim{nullptr, status, reason, fields.clone(arena)});
  *x_held_last = held;
  x_held_last = &held->next;
}

void Leg::push_body(std::string_view bytes) {
  for_each_frame_up(x_chain.response_chunks() & x_hooks, x_first, x_entered, [&](size_t frame) {
    x_chain.filter(frame).on_chunk(*this, slot_of(frame), Way::kResponse, bytes);
  });
  if (x_interrupted) return;
  if (x_parent != nullptr) return x_parent->push_body(bytes);
  x_exchange.push_body(bytes);
}

void Leg::push_half_close() {
  if (!x_interrupted) x_exchange.push_half_close();
}

void Leg::push_end(const http::Fields* trailers) {
  x_trailers = trailers;
  x_complete = true;
  for_each_frame_up(x_chain.response_end() & x_hooks, x_first, x_entered, [&](size_t frame) {
    x_chain.filter(frame).on_body_end(*this, slot_of(frame), Way::kResponse);
  });
  if (x_interrupted) return;
  if (x_parent != nullptr) return x_parent->push_end(trailers);
  x_exchange.push_end(trailers);
}

std::string_view Leg::body_ready() const { return x_exchange.body().at(x_body_at); }

void Leg::body_consume(size_t count) {
  x_body_at += static_cast<int64_t>(count);
  x_exchange.on_body_read();
}

bool Leg::body_ended() const { return x_exchange.body().ends_at(x_body_at); }

// ---- what the exchange tells its legs

void Leg::on_request_chunk(std::string_view bytes) {
  for_each_frame_up(x_chain.request_chunks() & x_hooks, x_first, x_entered, [&](size_t frame) {
    x_chain.filter(frame).on_chunk(*this, slot_of(frame), Way::kRequest, bytes);
  });
}

void Leg::on_request_end() {
  for_each_frame_up(x_chain.request_end() & x_hooks, x_first, x_entered, [&](size_t frame) {
    x_chain.filter(frame).on_body_end(*this, slot_of(frame), Way::kRequest);
  });
}

void Leg::on_reader_stalled() {
  for (size_t frame = x_first; frame < x_entered; ++frame) {
    x_chain.filter(frame).on_reader_stalled(*this, slot_of(frame));
  }
}

void Leg::tell_call_of_body() {
  if (x_call != nullptr && may_read_body()) x_call->on_request_body();
}

Leg& Leg::start_flow() {
  x_flowing = true;
  return x_accepted != nullptr ? x_accepted->start_flow() : *this;
}

Leg& Leg::flowing() { return x_accepted != nullptr ? x_accepted->flowing() : *this; }

bool Leg::ends_in_opener() const {
  return x_split || (x_end > x_first && x_chain.frame(x_end - size_t{1}).opens);
}

bool Leg::runs_terminal() const { return x_end == x_chain.size() && !ends_in_opener(); }

// A leg in an opener counts while it has none below, for the one that it may open.
bool Leg::may_read_body() const {
  if (x_has_error || x_is_local) return false;
  return runs_terminal() || x_exchange.find_leg_under(*this) == nullptr;
}

// Asks the openers of this leg and of those above; ask(leg, filter, slot).
template <class Ask>
bool Leg::any_opener(Ask ask) const {
  for (const Leg* leg = this; leg != nullptr; leg = leg->x_parent) {
    bool found = false;
    const auto look = [&](size_t frame) {
      found = found || ask(*leg, leg->x_chain.filter(frame), leg->slot_of(frame));
    };
    if (leg->ends_in_opener() && leg->x_entered == leg->x_end) look(leg->opener());
    for_each_frame_up(leg->x_chain.splits(), leg->x_first, leg->x_entered, look);
    if (found) return true;
  }
  return false;
}

bool Leg::may_open() const {
  return any_opener([](const Leg& leg, const Filter& filter, const void* slot) {
    return filter.may_open(leg, slot);
  });
}

bool Leg::may_replace() const {
  return any_opener([](const Leg& leg, const Filter& filter, const void* slot) {
    return filter.may_replace(leg, slot);
  });
}

bool Leg::may_try_again() const {
  return any_opener([](const Leg& leg, const Filter& filter, const void* slot) {
    return filter.may_try_again(leg, slot);
  });
}

bool Leg::goes_elsewhere(const Error& error) const {
  return any_opener([&](const Leg& leg, const Filter& filter, const void* slot) {
    return filter.sends_elsewhere(leg, slot, error);
  });
}

size_t Leg::frame_of(const void* slot) const {
  const auto offset = static_cast<size_t>(static_cast<const std::byte*>(slot) - x_slots);
  size_t frame = x_first;
  for (size_t i = x_first; i < x_entered; ++i) {
    if (x_chain.frame(i).offset <= offset) frame = i;
  }
  return frame;
}

}  // namespace outrigger::chain
