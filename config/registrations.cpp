// What must hold of self-registrations.
#include "config/describe.hpp"
#include "config/validate.hpp"

namespace outrigger::config {
namespace {

bool is_named(const auto& registries, const std::string& name) {
  return std::ranges::any_of(registries, [&](const auto& each) { return each.name == name; });
}

void check_registry(Reader& reader, const Config& config, const Node& node,
                    const Registration& registration) {
  const RegistriesConfig& all = config.registries;
  const std::string& name = registration.registry;
  if (name.empty() || is_named(all.consul, name)) return;
  if (!is_named(all.eureka, name)) {
    std::vector<std::string_view> names;
    names.reserve(all.consul.size() + all.eureka.size());
    for (const auto& each : all.consul) names.emplace_back(each.name);
    for (const auto& each : all.eureka) names.emplace_back(each.name);
    return reader.unknown(mark_of(node, "in"), "registry to register in", name, names);
  }
  if (registration.health.by == RegistrationHealth::By::kRegistry) {
    reader.problem(mark_of(node, "health"), "Eureka asks nobody; write by: sidecar");
  }
  if (!registration.tags.empty()) {
    reader.problem(mark_of(node, "tags"), "Eureka has no \"tags\"; use \"metadata\"?");
  }
}

}  // namespace

void check(Reader& reader, const Node& node, const RegistrationHealth& health) {
  if (health.by == RegistrationHealth::By::kRegistry && !health.http) {
    reader.problem(mark_of(node, "by"), "the registry needs a path to ask: write http: /healthz");
  }
}

void check(Reader& reader, const Node& node, const Registration&) {
  for (const std::string_view key : {"in", "name", "port"}) {
    if (node.find(key) != nullptr) continue;
    reader.problem(node.mark, "a registration has no " + in_quotes(key) +
                                  "; write {in: consul, name: billing, port: 8080}");
  }
}

void check_registrations(Reader& reader, const Config& config) {
  const Node* const list = reader.document().root.find("register");
  for (size_t i = 0; list != nullptr && i < config.registrations.size(); ++i) {
    const Registration& each = config.registrations[i];
    const Node& node = list->items[i];
    check_registry(reader, config, node, each);
    const auto same = [&](const Registration& other) {
      return other.registry == each.registry && other.name == each.name && other.port == each.port;
    };
    const auto end = config.registrations.begin() + static_cast<ptrdiff_t>(i);
    if (std::any_of(config.registrations.begin(), end, same)) {
      reader.problem(node.mark, in_quotes(each.name) + " is registered there twice");
    }
  }
}

}  // namespace outrigger::config
