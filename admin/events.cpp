#include "admin/events.hpp"

#include <algorithm>

#include "proxy/base/json_line.hpp"

namespace outrigger::admin {
namespace {

void add(std::string& line, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  line.append(",\"").append(key).append("\":");
  append_json_string(line, value);
}

void add_json(std::string& line, std::string_view key, std::string_view value) {
  if (!value.empty()) line.append(",\"").append(key).append("\":").append(value);
}

}  // namespace

std::string to_json(const Event& event) {
  std::string line = "{\"id\":" + std::to_string(event.id);
  add(line, "time", iso_time(event.wall_ms));
  add(line, "kind", event.kind);
  add(line, "service", event.service);
  add(line, "route", event.route);
  add(line, "endpoint", event.endpoint);
  add(line, "from", event.from);
  add(line, "to", event.to);
  add(line, "reason", event.reason);
  add(line, "actor", event.actor);
  add_json(line, "before", event.before);
  add_json(line, "after", event.after);
  return line + "}";
}

Events::Events(const Clock& clock, Log log)
    : x_clock(clock),
      x_log(std::move(log)),
      x_first_id(static_cast<uint64_t>(std::max<int64_t>(clock.wall_ms(), 1))),
      x_next_id(x_first_id) {}

void Events::publish(Event event) {
  event.id = x_next_id++;
  event.wall_ms = x_clock.wall_ms();
  for (std::string* value : {&event.before, &event.after}) {
    if (value->size() > kValueBytesMax) *value = "\"(too large)\"";
  }
  x_kept.push_back(std::move(event));
  if (x_kept.size() > kKept) x_kept.pop_front();
  if (x_log) x_log(x_kept.back());
  x_subscribers.for_each([](EventSubscriber& subscriber) { subscriber.on_event(); });
}

size_t Events::index_after(uint64_t id) const {
  const uint64_t first_kept = x_next_id - x_kept.size();
  // An id that is not ours yet is of a process whose clock ran ahead: everything is new to it.
  if (id < first_kept || id >= x_next_id) return 0;
  return static_cast<size_t>(id - first_kept) + 1;
}

uint64_t Events::missed_after(uint64_t id) const {
  const uint64_t first_kept = x_next_id - x_kept.size();
  const uint64_t from = std::max(id + 1, x_first_id);
  return id < x_next_id && first_kept > from ? first_kept - from : 0;
}

bool Events::subscribe(EventSubscriber& subscriber) {
  size_t count = 0;
  x_subscribers.for_each([&](EventSubscriber&) { ++count; });
  if (count >= kSubscribersMax) return false;
  x_subscribers.push_back(subscriber);
  return true;
}

}  // namespace outrigger::admin
