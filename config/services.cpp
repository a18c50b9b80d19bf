// Services and the defaults under them: the part of the file that has layers.
#include <algorithm>
#include <utility>

#include "config/describe.hpp"
#include "config/opaque.hpp"
#include "config/routes.hpp"

namespace outrigger::config {
namespace {

constexpr std::string_view kPassthroughName = "passthrough";  // the built-in service
// Of a profile, in messages and in the schema.
constexpr std::string_view kProfile = "profile";
constexpr auto kPassthroughSections =
    std::to_array<std::string_view>({"pool", "timeout", "limits", "headers"});

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void read_service(Reader& reader, const Entry& entry, ServiceConfig& out) {
  out.name = entry.key;
  if (!is_name(entry.key)) {
    reader.problem(entry.mark,
                   in_quotes(entry.key) + " is not a name; use letters, digits, - _ and .");
  }
  if (entry.key == kPassthroughName) {
    reader.problem(entry.mark,
                   "\"passthrough\" is the built-in service of unknown hosts; use another name");
  }
  if (!entry.value.is_map() && !entry.value.is_null()) {
    return reader.wrong(entry.value, "a map", "write {endpoints: {static: [\"IP:PORT\"]}}");
  }
  Node node = reader.document().service_layers(entry.key);
  if (!node.is_map()) {
    node = Node::map();
    node.mark = entry.mark;
  }
  ReadVisitor visitor(reader, node, kSection<ServiceConfig>);
  describe(visitor, out);
  visitor.finish();
  if (out.hosts_auto) out.hosts = implied_hosts(out);
  read_routes(reader, node, out);
  drop_http(reader, out);
}

constexpr auto kRegistryKinds =
    std::to_array<std::string_view>({"consul", "eureka", "kubernetes", "dns"});

// visit(list) for each kind, in the order of kRegistryKinds.
template <class Visit>
void visit_registries(auto& registries, Visit visit) {
  visit(registries.consul);
  visit(registries.eureka);
  visit(registries.kubernetes);
  visit(registries.dns);
}

template <class Registry>
Registry& find_or_add(std::vector<Registry>& list, const std::string& name) {
  const auto found = std::ranges::find(list, name, &Registry::name);
  if (found != list.end()) return *found;
  list.emplace_back().name = name;
  return list.back();
}

void read_registry(Reader& reader, const Entry& entry, RegistriesConfig& out) {
  const Node* kind = entry.value.find("kind");
  const bool is_kind = is_one_of(kRegistryKinds, entry.key);
  if (kind == nullptr && !is_kind) {
    return reader.problem(
        entry.mark, "the registry " + in_quotes(entry.key) + " has no \"kind\"; write kind: dns");
  }
  if (kind != nullptr && !kind->is_scalar()) {
    return reader.wrong(*kind, "a registry kind", "write dns");
  }
  const std::string& word = kind == nullptr ? entry.key : kind->text;
  if (!is_one_of(kRegistryKinds, word)) {
    return reader.unknown(kind->mark, "registry kind", word, kRegistryKinds);
  }
  if (is_kind && word != entry.key) {
    return reader.problem(kind->mark, "the registry " + in_quotes(entry.key) + " is of kind " +
                                          entry.key + "; give this one another name");
  }
  size_t at = 0;
  visit_registries(out, [&]<class Registry>(std::vector<Registry>& list) {
    if (kRegistryKinds[at++] != word) return;
    Registry& registry = find_or_add(list, entry.key);
    if (!entry.value.is_null()) Map<Registry>{}.read(reader, entry.value, registry);
  });
}

}  // namespace

void Registries::read(Reader& reader, const Node& node, RegistriesConfig& out) const {
  if (!node.is_map()) return reader.wrong(node, "a map of registries", "write {NAME: {kind: dns}}");
  for (const Entry& entry : node.entries) {
    const Reader::Inside inside(reader, entry.key);
    read_registry(reader, entry, out);
  }
}

Node Registries::write(const RegistriesConfig& registries) const {
  Node map = Node::map();
  visit_registries(registries, [&]<class Registry>(const std::vector<Registry>& list) {
    for (const Registry& registry : list) {
      map.set(registry.name, Map<Registry>{}.write(registry));
    }
  });
  return map;
}

Node Registries::schema() const {
  std::vector<Node> kinds;
  const RegistriesConfig built_in;
  visit_registries(built_in, [&]<class Registry>(const std::vector<Registry>&) {
    kinds.push_back(Map<Registry>{}.schema());
  });
  return map_of(any_of(std::move(kinds)));
}

void Services::read(Reader& reader, const Node& node, std::vector<ServiceConfig>& out) const {
  if (!node.is_map())
    return reader.wrong(node, "a map of services", "write {NAME: {endpoints: ...}}");
  for (const Entry& entry : node.entries) {
    const Reader::Inside inside(reader, entry.key);
    read_service(reader, entry, out.emplace_back());
  }
}

Node Services::write(const std::vector<ServiceConfig>& services) const {
  Node map = Node::map();
  for (ServiceConfig service : services) {
    WriteVisitor visitor;
    describe(visitor, service);
    map.set(service.name, visitor.take());
  }
  return map;
}

void Profiles::read(Reader& reader, const Node& node, const Policy&) const {
  if (!node.is_map()) {
    return reader.wrong(node, "a map of profiles", "write {NAME: {timeout: {request: 5s}}}");
  }
  for (const Entry& entry : node.entries) {
    const Reader::Inside inside(reader, entry.key);
    if (!is_name(entry.key)) {
      reader.problem(entry.mark,
                     in_quotes(entry.key) + " is not a name; use letters, digits, - _ and .");
    }
    if (entry.value.is_null()) continue;
    if (!entry.value.is_map()) {
      reader.wrong(entry.value, "a map", "write {timeout: {request: 5s}}");
      continue;
    }
    if (const Entry* nested = entry.value.entry(kProfile)) {
      reader.problem(nested->mark, "\"profile\" does not belong in a profile; a service has one");
    }
    constexpr std::array kNested{kProfile};
    const Node keys = filtered(entry.value, kNested, false);
    const Reader::Partial partial(reader);
    ServiceConfig unused;
    ReadVisitor visitor(reader, keys, kSection<ServiceConfig>);
    describe(visitor, unused);
    visitor.finish();
  }
}

Node Profiles::schema() const { return map_of(Map<ServiceConfig>{}.schema()); }

void ProfileName::read(Reader& reader, const Node& node, const std::string&) const {
  if (node.is_off()) return;
  if (!node.is_scalar()) return reader.wrong(node, "the name of a profile");
  const Node* const profiles = reader.document().root.find("profiles");
  if (profiles != nullptr && profiles->find(node.text) != nullptr) return;
  std::vector<std::string_view> names;
  for (size_t i = 0; profiles != nullptr && i < profiles->entries.size(); ++i) {
    names.emplace_back(profiles->entries[i].key);
  }
  reader.unknown(node.mark, kProfile, node.text, names);
}

Node ProfileName::schema() const { return or_off(Text{}.schema()); }

Node Services::schema() const {
  Node nothing = Node::map();
  nothing.set("type", Node::string("null"));
  return map_of(any_of({Map<ServiceConfig>{}.schema(), std::move(nothing)}));
}

void Defaults::read(Reader& reader, const Node& node, Policy& passthrough) const {
  if (!node.is_map()) return reader.wrong(node, "a map", "write {timeout: {request: 5s}}");
  {
    const Reader::Partial partial(reader);
    Policy unused;
    ReadVisitor visitor(reader, node, kSection<Policy>);
    describe(visitor, unused);
    for (const std::string_view name : kNotInDefaults) {
      visitor.refuse(name, "does not belong in \"defaults\"; write it in each service");
    }
    visitor.finish();
  }
  const Node sections = filtered(node, kPassthroughSections, true);
  const Reader::Partial partial(reader);
  ReadVisitor visitor(reader, sections, kSection<Policy>);
  describe(visitor, passthrough);
}

Node Defaults::write(const Policy& passthrough) const {
  Policy copy = passthrough;
  WriteVisitor visitor;
  describe(visitor, copy);
  return filtered(visitor.take(), kPassthroughSections, true);
}

Node Defaults::schema() const { return Map<Policy>{}.schema(); }

}  // namespace outrigger::config
