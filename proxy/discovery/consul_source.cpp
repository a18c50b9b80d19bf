#include "proxy/discovery/consul_source.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/discovery/reply.hpp"

namespace outrigger::discovery {
namespace {

std::string target_of(const config::ConsulRegistryConfig& registry,
                      const config::EndpointSource& from) {
  std::string target =
      "/v1/health/service/" + percent_encoded(from.service) + "?passing=true&stale";
  if (from.tag) target += "&tag=" + percent_encoded(*from.tag);
  if (registry.datacenter) target += "&dc=" + percent_encoded(*registry.datacenter);
  return target;
}

std::string key_of(const config::ConsulRegistryConfig& registry,
                   const config::EndpointSource& from) {
  return "consul " + registry.name + " " + target_of(registry, from);
}

}  // namespace

ConsulSource::ConsulSource(LoopContext loop, std::shared_ptr<RegistryServer> server,
                           const config::ConsulRegistryConfig& registry,
                           const config::EndpointSource& from, const Memory& memory,
                           SourceEvents& events)
    : PollSource(loop, std::move(server), SourceKind::kConsul, key_of(registry, from), memory,
                 events),
      x_target(target_of(registry, from)),
      x_counted_at_ms(loop.clock.now_ms()) {}

client::Request ConsulSource::question() {
  client::Request request{.target = x_target};
  if (x_index > 0) {
    request.target +=
        "&index=" + std::to_string(x_index) + "&wait=" + std::to_string(kWaitMs / 1000) + "s";
  }
  if (!server().token().empty()) request.fields.emplace_back("x-consul-token", server().token());
  return request;
}

client::Bounds ConsulSource::bounds() const {
  client::Bounds bounds;
  if (x_index > 0) bounds.head_ms += kWaitMs + kWaitMs / 16;
  return bounds;
}

Result<AddressList> ConsulSource::read(const client::Answer& answer) {
  if (const std::string why = why_refused(answer); !why.empty()) return failure(why);
  auto list = read_consul(answer.body);
  if (!list) return list;
  // An agent that streams its answers always says that it knows none.
  const bool is_streamed = answer.field("x-consul-query-backend") == "streaming";
  const bool has_leader = is_streamed || answer.field("x-consul-knownleader") != "false";
  if (!has_leader && count_lost(this->list(), *list) > 0) return failure("it has no leader");
  const std::string_view text = answer.field("x-consul-index");
  uint64_t index = 0;
  std::from_chars(text.data(), text.data() + text.size(), index);
  // An index that goes back is that of another history (a restored snapshot).
  x_index = index < x_index ? 0 : std::max<uint64_t>(index, 1);
  return list;
}

int64_t ConsulSource::next_ms() {
  const int64_t now_ms = loop().clock.now_ms();
  const auto passed_ms = static_cast<double>(now_ms - std::exchange(x_counted_at_ms, now_ms));
  x_tokens = std::min<double>(kBurst, x_tokens + passed_ms / kPaceMs) - 1;
  return x_tokens >= 0 ? 0 : static_cast<int64_t>(-x_tokens * kPaceMs) + 1;
}

}  // namespace outrigger::discovery
