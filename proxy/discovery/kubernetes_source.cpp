#include "proxy/discovery/kubernetes_source.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::discovery {

KubernetesSource::KubernetesSource(LoopContext loop, std::shared_ptr<KubernetesApi> api,
                                   const config::EndpointSource& from, const Memory& memory,
                                   SourceEvents& events)
    : Source(events),
      x_loop(loop),
      x_api(std::move(api)),
      x_service(from.service),
      x_port(from.port),
      x_key("kubernetes " + from.registry + " " + from.name_space.value_or("") + "/" +
            from.service + ":" + from.port),
      x_watch(x_api->watch(from.name_space)) {
  const auto known = memory.find(x_key);
  if (known != memory.end()) x_remembered = known->second;
}

void KubernetesSource::start() {
  if (x_remembered) {
    x_known_at_ms = x_remembered->at_ms;
    x_is_failing = true;  // until the watch is in touch
    x_is_from_disk = x_remembered->from_disk;
    report(std::move(x_remembered->list));
  }
  x_watch->add(*this);
}

void KubernetesSource::remember(Memory& memory) const {
  if (!answered()) return;
  memory[x_key] = {list(), x_loop.clock.now_ms() - lapsed_ms(), x_is_from_disk};
}

void KubernetesSource::on_slices() {
  x_is_failing = false;
  x_is_from_disk = false;
  AddressList list;
  std::string wrong;
  x_watch->visit_slices(x_service, [&](const Slice& slice) { add(slice, list, wrong); });
  // An endpoint may be in two slices for a while: the one that is ready counts.
  std::stable_partition(list.begin(), list.end(),
                        [](const auto& listed) { return !listed.terminating; });
  if (!list.empty() || wrong.empty()) report(std::move(list));
  if (!wrong.empty()) report_failure(SourceKind::kKubernetes, x_service + ": " + wrong);
}

void KubernetesSource::add(const Slice& slice, AddressList& list, std::string& wrong) const {
  if (slice.endpoints.empty()) return;
  const auto port = port_of(slice);
  if (!port) {
    wrong = x_port.empty() ? "there are several ports; write \"port\""
                           : "no port is called \"" + x_port + "\"";
    return;
  }
  for (const SliceEndpoint& endpoint : slice.endpoints) {
    list.push_back({.address = *Address::from_ip(endpoint.ip, *port),
                    .terminating = endpoint.terminating,
                    .zone = endpoint.zone});
  }
}

// By name or by number; without either, the only one.
std::optional<uint16_t> KubernetesSource::port_of(const Slice& slice) const {
  if (x_port.empty()) {
    if (slice.ports.size() != 1) return std::nullopt;
    return slice.ports.front().second;
  }
  for (const auto& [name, number] : slice.ports) {
    if (name == x_port || std::to_string(number) == x_port) return number;
  }
  return std::nullopt;
}

void KubernetesSource::on_watch_failed(const std::string& why) {
  if (!std::exchange(x_is_failing, true)) x_known_at_ms = x_loop.clock.now_ms();
  report_failure(SourceKind::kKubernetes, why);
}

}  // namespace outrigger::discovery
