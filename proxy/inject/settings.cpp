#include "proxy/inject/settings.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "config/text.hpp"
#include "proxy/base/address.hpp"

namespace outrigger::inject {
namespace {

using config::Node;

constexpr auto kModes = std::to_array<std::string_view>({"redirect", "proxy", "ports"});
constexpr auto kKeys =
    std::to_array<std::string_view>({"mode", "config-map", "image", "cpu", "memory", "cpu-limit",
                                     "memory-limit", "registry-token"});

// What a quantity comes to, in cores or bytes.
std::optional<double> parse_quantity(std::string_view text) {
  constexpr auto kUnits =
      std::to_array<std::pair<std::string_view, double>>({{"", 1},
                                                          {"m", 1e-3},
                                                          {"k", 1e3},
                                                          {"M", 1e6},
                                                          {"G", 1e9},
                                                          {"Ki", 1024.0},
                                                          {"Mi", 1024.0 * 1024},
                                                          {"Gi", 1024.0 * 1024 * 1024}});
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const auto unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& known) {
    return known.first == text.substr(digits);
  });
  const auto number = config::parse_number(text.substr(0, digits));
  if (unit == kUnits.end() || !number) return std::nullopt;
  return *number * unit->second;
}

std::string unknown(std::string_view what, std::string_view word,
                    std::span<const std::string_view> known) {
  std::string out = std::string(what) + " is unknown";
  const std::string_view meant = config::nearest(word, known);
  return meant.empty() ? out : out + "; was " + std::string(meant) + " meant?";
}

std::string* resource(Resources& resources, std::string_view key) {
  if (key == "cpu") return &resources.cpu;
  if (key == "memory") return &resources.memory;
  if (key == "cpu-limit") return &resources.cpu_limit;
  return key == "memory-limit" ? &resources.memory_limit : nullptr;
}

// Empty: it is set.
std::string set_resource(Resources& resources, std::string_view key, std::string_view value) {
  if (!parse_quantity(value)) return std::string(value) + " is no quantity, as 10m or 64Mi are";
  *resource(resources, key) = value;
  return {};
}

// What makes a request larger than its limit is no pod at all.
void complete(Resources& resources) {
  const auto or_default = [](std::string& value, std::string_view built_in) {
    if (value.empty()) value = built_in;
  };
  or_default(resources.cpu, "10m");
  or_default(resources.memory, "32Mi");
  const bool fits = parse_quantity(resources.memory) <= parse_quantity("128Mi");
  or_default(resources.memory_limit, fits ? std::string_view("128Mi") : resources.memory);
}

bool has_limits(const Node& container) {
  for (const std::string_view key : {"cpu", "memory"}) {
    const Node* limit = find(container, Path{"resources", "limits"} / key);
    const Node* request = find(container, Path{"resources", "requests"} / key);
    if (limit == nullptr || (request != nullptr && request->text != limit->text)) return false;
  }
  return true;
}

// Whether the pod is of the class Guaranteed without us.
bool is_guaranteed(const Node& root, const Workload& workload) {
  bool all = find(root, workload.pod / "spec" / "containers") != nullptr;
  for (const std::string_view list : {"containers", "initContainers"}) {
    const Node* containers = find(root, workload.pod / "spec" / list);
    if (containers == nullptr) continue;
    all = all && std::all_of(containers->items.begin(), containers->items.end(), has_limits);
  }
  return all;
}

// Requests and limits are equal then. Ten thousandths of a core would be a limit that hurts.
void guarantee(Resources& resources) {
  if (resources.cpu_limit.empty()) {
    resources.cpu_limit = resources.cpu == "10m" ? "100m" : resources.cpu;
  }
  resources.cpu = resources.cpu_limit;
  resources.memory = resources.memory_limit;
}

// The keys of ours that a workload or its pod template is annotated with.
void read_annotations(const Node& root, const Workload& workload, Settings& settings,
                      std::vector<std::string>& mistakes) {
  for (const Path& object : {workload.top, workload.pod}) {  // the nearer one last: it wins
    const Node* annotations = find(root, object / "metadata" / "annotations");
    if (annotations == nullptr) continue;
    for (const config::Entry& entry : annotations->entries) {
      if (!entry.key.starts_with(kPrefix)) continue;
      const std::string key = entry.key.substr(kPrefix.size());
      const std::string& value = entry.value.text;
      std::string mistake;
      if (key == "mode") {
        const auto mode = parse_mode(value);
        if (mode) settings.mode = *mode;
        if (!mode) mistake = unknown("mode " + value, value, kModes);
      } else if (key == "config-map") {
        if (!config::is_dns_name(value)) mistake = value + " is no name of a ConfigMap";
        settings.config_map = value;
        settings.writes_config = false;
      } else if (key == "image") {
        settings.image = value;
      } else if (key == "registry-token") {
        if (value != "true" && value != "false") mistake = "true or false, not " + value;
        settings.registry_token = value == "true";
      } else if (resource(settings.resources, key) != nullptr) {
        mistake = set_resource(settings.resources, key, value);
      } else {
        mistakes.push_back("annotation " + unknown(entry.key, key, kKeys));
      }
      if (!mistake.empty()) mistakes.push_back(entry.key + ": " + mistake);
    }
    if (workload.top == workload.pod) break;
  }
}

bool asks_kubernetes(const config::EndpointSource& source) {
  return source.kind == config::EndpointSource::Kind::kKubernetes ||
         std::any_of(source.parts.begin(), source.parts.end(), asks_kubernetes);
}

}  // namespace

std::optional<Mode> parse_mode(std::string_view text) {
  const auto found = std::find(kModes.begin(), kModes.end(), text);
  if (found == kModes.end()) return std::nullopt;
  return static_cast<Mode>(found - kModes.begin());
}

std::string_view to_string(Mode mode) { return kModes[static_cast<size_t>(mode)]; }

Result<Resources> parse_resources(std::string_view text) {
  Resources resources;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::string_view key = part.substr(0, part.find('='));
    if (part.size() == key.size()) return failure(std::string(part) + " is not KEY=QUANTITY");
    if (resource(resources, key) == nullptr) return failure(unknown(key, key, kKeys));
    std::string mistake = set_resource(resources, key, part.substr(key.size() + 1));
    if (!mistake.empty()) return failure(std::move(mistake));
  }
  return resources;
}

Facts facts_of(const config::Config& config) {
  Facts facts;
  facts.ports.clear();
  const auto add_port = [&](const std::string& text) {
    const auto address = Address::parse(text);
    if (address && address->is_ip()) facts.ports.push_back(address->port());
  };
  facts.proxy.clear();
  for (const config::ListenerConfig& listener : config.listeners) {
    for (const std::string& address : listener.addresses) add_port(address);
    const bool takes_proxy_calls = listener.intercept == config::Intercept::kAny ||
                                   listener.intercept == config::Intercept::kProxy;
    const auto address = Address::parse(listener.addresses.empty() ? "" : listener.addresses[0]);
    if (facts.proxy.empty() && takes_proxy_calls && !listener.service && !listener.tls && address &&
        address->is_ip()) {
      facts.proxy = "http://127.0.0.1:" + std::to_string(address->port());
    }
  }
  if (config.admin) add_port(config.admin->address);
  facts.metrics.clear();
  if (config.metrics) {
    add_port(config.metrics->address);
    if (const auto address = Address::parse(config.metrics->address)) {
      facts.metrics = "127.0.0.1:" + std::to_string(address->port());
    }
  }
  facts.startup_ms = config.startup.wait_ms;
  facts.grace_ms = config.drain.grace_ms;
  facts.user = config.intercept.user;
  facts.asks_kubernetes =
      std::any_of(config.services.begin(), config.services.end(),
                  [](const auto& service) { return asks_kubernetes(service.endpoints); });
  return facts;
}

Result<Settings, std::vector<std::string>> settings_of(const Node& root, const Workload& workload,
                                                       const Options& options) {
  std::vector<std::string> mistakes;
  Settings settings;
  settings.mode = options.mode.value_or(options.openshift ? Mode::kProxy : Mode::kRedirect);
  settings.image = options.image;
  settings.resources = options.resources;
  settings.openshift = options.openshift;
  settings.facts = options.facts.value_or(Facts{});
  settings.knows_config = options.facts.has_value();
  settings.registry_token = options.registry_token || settings.facts.asks_kubernetes;
  settings.config_map = options.config_map;
  if (settings.config_map.empty()) {
    settings.writes_config = !options.config_text.empty();
    settings.config_map = "outrigger-" + workload.plain_name;
    while (settings.config_map.ends_with('-')) settings.config_map.pop_back();
  }
  read_annotations(root, workload, settings, mistakes);
  complete(settings.resources);
  if (is_guaranteed(root, workload)) guarantee(settings.resources);
  if (!mistakes.empty()) return failure(std::move(mistakes));
  return settings;
}

}  // namespace outrigger::inject
