#include "admin/live_stream.hpp"

#include <nlohmann/json.hpp>

#include "admin/event_stream.hpp"
#include "admin/json_value.hpp"
#include "proxy/base/json_line.hpp"
#include "proxy/chain/exchange.hpp"

namespace outrigger::admin {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kMsPerSecond = 1e3;
constexpr size_t kEventsMax = 100;  // of one message

Json service_json(const Parts& parts, const metrics::LiveService& live, double seconds) {
  Json json = {{"service", live.key.service}};
  if (!live.key.route.empty()) json["route"] = live.key.route;
  json["rate"] = static_cast<double>(live.calls) / seconds;
  json["failed"] = static_cast<double>(live.failed) / static_cast<double>(live.calls);
  json["p50_ms"] = live.p50_ms;
  json["p99_ms"] = live.p99_ms;
  const auto service = parts.control.services().find(live.key.service);
  if (service == nullptr || !live.key.route.empty()) return json;
  json["outstanding"] = service->limit().outstanding();
  json["circuit"] = upstream::to_string(service->circuit().state());
  return json;
}

}  // namespace

LiveStream::LiveStream(const Parts& parts, chain::CallLeg leg)
    : x_parts(parts),
      x_leg(leg),
      x_live(parts.exporter.shards()),
      x_last_id(parts.events.last_id()),
      x_since_ms(parts.loop.clock.now_ms()),
      x_timer(Timer::of<&LiveStream::on_time>(*this)) {}

bool LiveStream::begin() {
  if (!x_parts.events.subscribe(*this)) return false;
  deliver_event_stream(x_leg);
  x_parts.loop.timers.arm(x_timer, x_since_ms + kEachMs);
  return true;
}

void LiveStream::on_time() {
  const int64_t now_ms = x_parts.loop.clock.now_ms();
  x_parts.loop.timers.arm(x_timer, now_ms + kEachMs);
  if (!x_leg.is_flowing() || x_congested) return;
  x_batch = "data: " + message() + "\n\n";
  x_since_ms = now_ms;
  x_leg.push_body(x_batch);
}

std::string LiveStream::message() {
  const LoopContext& loop = x_parts.loop;
  const double seconds = static_cast<double>(loop.clock.now_ms() - x_since_ms) / kMsPerSecond;
  Json json = {{"time", iso_time(loop.clock.wall_ms())}, {"seconds", seconds}};
  Json& services = json["services"] = Json::array();
  for (const metrics::LiveService& live : x_live.since_last()) {
    services.push_back(service_json(x_parts, live, seconds));
  }
  Json& events = json["events"] = Json::array();
  const auto& kept = x_parts.events.kept();
  for (size_t at = x_parts.events.index_after(x_last_id);
       at < kept.size() && events.size() < kEventsMax; ++at) {
    events.push_back(parsed<Json>(to_json(kept[at])));
    x_last_id = kept[at].id;
  }
  return dumped(json);
}

void LiveStream::cancel() noexcept {
  EventSubscriber::unlink();
  x_timer.cancel();
}

}  // namespace outrigger::admin
