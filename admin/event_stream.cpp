#include "admin/event_stream.hpp"

#include "proxy/chain/exchange.hpp"

namespace outrigger::admin {

void deliver_event_stream(chain::CallLeg leg) {
  Arena& arena = leg.exchange().arena();
  auto* head = arena.make<http::ResponseHead>();
  head->status = 200;
  head->framing = http::Framing::kChunked;
  head->fields.add(arena, http::Name::kContentType, "text/event-stream");
  head->fields.add(arena, http::Name::kCacheControl, "no-store");
  head->fields.add(arena, "X-Content-Type-Options", "nosniff");
  leg.deliver_head(*head);
}

bool EventStream::begin() {
  if (!x_events.subscribe(*this)) return false;
  deliver_event_stream(x_leg);
  return true;
}

void EventStream::on_congestion(bool congested) {
  x_congested = congested;
  if (!congested) send_soon();
}

void EventStream::send() {
  if (!x_leg.is_flowing() || x_congested) return;
  x_batch.clear();
  if (const uint64_t missed = x_events.missed_after(x_last_id); missed > 0) {
    x_batch += "event: missed\ndata: {\"count\":" + std::to_string(missed) + "}\n\n";
  }
  const auto& kept = x_events.kept();
  size_t at = x_events.index_after(x_last_id);
  for (; at < kept.size() && x_batch.size() < kBatchBytesMax; ++at) {
    const Event& event = kept[at];
    x_batch += "id: " + std::to_string(event.id) + "\nevent: " + event.kind + "\ndata: ";
    x_batch += to_json(event) + "\n\n";
    x_last_id = event.id;
  }
  const bool more = at < kept.size();
  // A comment: finds out whether somebody still reads.
  if (x_batch.empty()) x_batch = ": \n\n";
  x_loop.timers.arm(x_timer, x_loop.clock.now_ms() + (more ? 0 : kHeartbeatMs));
  x_leg.push_body(x_batch);
}

void EventStream::cancel() noexcept {
  EventSubscriber::unlink();
  x_timer.cancel();
}

}  // namespace outrigger::admin
