#include "config/routes.hpp"

#include <algorithm>
#include <utility>

#include "config/describe.hpp"

namespace outrigger::config {
namespace {

constexpr auto kNotInRoutes = std::to_array<std::string_view>(
    {"hosts", "addresses", "endpoints", "profile", "when_empty", "protocol", "pool", "authority",
     "balance", "slow_start", "panic_below", "endpoint_circuit", "cache", "routes", "tls",
     "health_check", "proxy"});

constexpr auto kOfRoutesAlone =
    std::to_array<std::string_view>({"name", "match", "to", "sticky", "when_open", "rewrite"});

bool is_one_of(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const Node& child(const Node& node, std::string_view key) {
  static const Node nothing;
  const Node* found = node.find(key);
  return found == nullptr ? nothing : *found;
}

std::string_view name_in(const Node& route) { return child(route, "name").text; }

// ---- reading

// Which policy sections a route writes.
class SectionsWritten {
 public:
  explicit SectionsWritten(const Node& route) : x_route(route) {}

  template <class Member, class Kind>
  void key(std::string_view name, const Member&, const Kind&, std::string_view, Live = Live::kYes) {
    const Node* value = x_route.find(name);
    const bool written = value != nullptr && !value->is_null();
    if (written && !is_one_of(kOfRoutesAlone, name)) x_sections.emplace_back(name);
  }
  std::vector<std::string> take() { return std::move(x_sections); }

 private:
  const Node& x_route;
  std::vector<std::string> x_sections;
};

// What the route itself says, over what a service does.
Policy read_policy(Reader& reader, const Node& service, const Node& route) {
  const Node own = filtered(filtered(route, kOfRoutesAlone, false), kNotInRoutes, false);
  const Node whole = layered(filtered(service, kNotInDefaults, false), own);
  Policy policy;
  ReadVisitor visitor(reader, whole, kSection<Policy>);
  describe(visitor, policy);
  return policy;
}

// A fallback that the route has for all of its targets is none for the one that it leads to.
void drop_fallbacks_to_itself(RouteTarget& target) {
  std::erase_if(target.policy.fallback, [&](const Fallback& step) {
    const auto* other = std::get_if<FallbackService>(&step.action);
    return other != nullptr && other->service == target.service;
  });
}

void fill_targets(Reader& reader, const Node& route, const std::string& service, RouteConfig& out) {
  const Node& services = child(reader.document().root, "services");
  for (RouteTarget& target : out.to) {
    const bool is_self = target.name == kSelf;
    target.service = is_self ? service : target.name;
    if (is_self) {
      target.policy = out.policy;
    } else if (services.find(target.service) != nullptr) {
      target.policy = read_policy(reader, reader.document().service_layers(target.service), route);
    }
    if (out.owns("fallback")) drop_fallbacks_to_itself(target);
  }
}

// A patch may give other weights to the targets of the file, not other targets.
void refuse_new_targets(Reader& reader, const Node& file, const Node& route,
                        const RouteConfig& read) {
  const Node& before = child(file, "to");
  const Node& now = child(route, "to");
  for (const RouteTarget& target : read.to) {
    const Entry* entry = now.entry(target.name);
    const Mark mark = entry == nullptr ? now.mark : entry->mark;
    const bool is_known = before.find(target.name) != nullptr || before.text == target.name;
    if (!mark.is_of_patch() || is_known) continue;
    reader.problem(mark, in_quotes(target.name) +
                             " is no target of the route in the file; only weights are live");
  }
}

void read_route(Reader& reader, const Node& route, const Node& service, const Node& file,
                RouteConfig& out, const std::string& service_name) {
  if (!route.is_map()) return reader.wrong(route, "a route", "write {match: {path: /v2/*}, ...}");
  {
    const Reader::Partial partial(reader);
    ReadVisitor visitor(reader, route, kSection<RouteConfig>);
    describe(visitor, out);
    for (const std::string_view name : kNotInRoutes) {
      visitor.refuse(name, "cannot differ in a route; make it a service with the same endpoints");
    }
    visitor.finish();
  }
  // These stand in no layer but this one.
  if (out.match.accept) check(reader, child(child(route, "match"), "accept"), *out.match.accept);
  if (out.sticky) check(reader, child(route, "sticky"), *out.sticky);
  if (out.rewrite) check(reader, child(route, "rewrite"), *out.rewrite);
  SectionsWritten written(route);
  describe(written, out);
  out.overrides = written.take();
  out.policy = read_policy(reader, service, route);
  fill_targets(reader, route, service_name, out);
  refuse_new_targets(reader, file, route, out);
  if (out.name.empty() && out.owns_state()) {
    reader.problem(route.mark, "a route that overrides circuit or limits needs a \"name\"");
  }
}

// ---- where it leads

class RouteCheck {
 public:
  RouteCheck(Reader& reader, const Config& config, const ServiceConfig& service,
             const RouteConfig& route, const Node& node)
      : x_reader(reader), x_config(config), x_service(service), x_route(route), x_node(node) {}

  void check() {
    for (const RouteTarget& target : x_route.to) check_target(target);
    check_weights();
    check_rest();
  }

 private:
  Mark mark_of_target(const RouteTarget& target) const {
    const Node& to = child(x_node, "to");
    const Entry* entry = to.entry(target.name);
    return entry == nullptr ? to.mark : entry->mark;
  }
  void say(const RouteTarget& target, std::string what) {
    x_reader.problem(mark_of_target(target), std::move(what));
  }

  void check_target(const RouteTarget& target) {
    if (target.name == kSelf) return check_self(target);
    const ServiceConfig* other = x_config.find_service(target.service);
    if (other == nullptr) {
      std::vector<std::string_view> known{kSelf};
      for (const ServiceConfig& one : x_config.services) known.push_back(one.name);
      return x_reader.unknown(mark_of_target(target), "service", target.name, known);
    }
    if (other == &x_service) {
      return say(target, "the route would lead to its own service " + in_quotes(target.name) +
                             "; write \"self\"");
    }
    if (is_opaque(other->policy.protocol)) {
      return say(target, "the service " + in_quotes(target.name) +
                             " has opaque connections; it answers no requests");
    }
    if (other->policy.proxy != x_service.policy.proxy) {
      say(target, "the services " + in_quotes(x_service.name) + " and " + in_quotes(target.name) +
                      " differ in \"proxy\", so no call is for both");
    }
  }

  void check_self(const RouteTarget& target) {
    if (x_config.find_service(kSelf) != nullptr) {
      say(target,
          "\"self\" is the service of the route, and there is a service of that name; name it "
          "otherwise");
    }
    if (!x_route.is_split()) {
      say(target, "\"self\" alone is what a route without \"to\" leads to; leave \"to\" out");
    }
  }

  void check_weights() {
    const auto has_weight = [](const RouteTarget& target) { return target.weight > 0; };
    if (x_route.to.empty() || std::any_of(x_route.to.begin(), x_route.to.end(), has_weight)) {
      return;
    }
    x_reader.problem(mark_of(x_node, "to"),
                     "every weight is 0, so no call would go anywhere; give one of them more");
  }

  void check_rest() {
    for (const std::string_view key : {"sticky", "when_open"}) {
      const Entry* entry = x_node.entry(key);
      if (entry == nullptr || entry->value.is_null() || entry->value.is_off()) continue;
      if (x_route.is_split()) continue;
      x_reader.problem(entry->mark,
                       in_quotes(key) + " chooses among several; \"to\" has not two services");
    }
    if (x_route.rewrite && x_service.policy.proxy) {
      x_reader.problem(x_node.entry("rewrite")->mark,
                       "calls for a proxy go as their caller wrote them; \"rewrite\" cannot "
                       "change them");
    }
  }

  Reader& x_reader;
  const Config& x_config;
  const ServiceConfig& x_service;
  const RouteConfig& x_route;
  const Node& x_node;
};

// Circuits and limits of routes are known by their target and the name of the route.
void check_states(Reader& reader, const Config& config, const ServiceConfig& service,
                  const RouteConfig& route, const Mark& mark) {
  if (route.name.empty() || !route.owns_state()) return;
  for_each_target(service.name, route, [&](const std::string& target, const Policy&) {
    for (const ServiceConfig& other : config.services) {
      if (&other == &service) continue;
      for (const RouteConfig& another : other.routes) {
        if (another.name != route.name || !another.owns_state()) continue;
        for_each_target(other.name, another, [&](const std::string& same, const Policy&) {
          if (same != target) return;
          reader.problem(mark, "the service " + in_quotes(other.name) + " has a route " +
                                   in_quotes(route.name) + " that leads to " + in_quotes(target) +
                                   " too, and with the same name they would share a circuit; " +
                                   "name it otherwise");
        });
      }
    }
  });
}

}  // namespace

Node filtered(const Node& map, std::span<const std::string_view> names, bool keep) {
  Node out = Node::map();
  out.mark = map.mark;
  for (const Entry& entry : map.entries) {
    if (is_one_of(names, entry.key) == keep) out.entries.push_back(entry);
  }
  return out;
}

void read_routes(Reader& reader, const Node& service, ServiceConfig& out) {
  const Node* routes = service.find("routes");
  if (routes == nullptr || !routes->is_list()) return;
  const Reader::Inside inside(reader, "routes");
  std::vector<std::string> names;
  for (size_t i = 0; i < routes->items.size(); ++i) {
    const Reader::Inside item(reader, "[" + std::to_string(i) + "]");
    const Node& file = routes->items[i];
    const std::string_view name = name_in(file);
    const Node node = name.empty() ? file : reader.document().overridden(file, out.name, name);
    RouteConfig& route = out.routes.emplace_back();
    read_route(reader, node, service, file, route, out.name);
    const bool twice = std::find(names.begin(), names.end(), route.name) != names.end();
    if (!route.name.empty() && twice) {
      reader.problem(mark_of(node, "name"),
                     "the route " + in_quotes(route.name) + " is given twice");
    }
    names.push_back(route.name);
  }
}

void check_routes(Reader& reader, const Config& config, const ServiceConfig& service) {
  const Reader::Inside inside(reader, "routes");
  for (size_t i = 0; i < service.routes.size(); ++i) {
    const Reader::Inside item(reader, "[" + std::to_string(i) + "]");
    const RouteConfig& route = service.routes[i];
    const Node node = route_node(reader.document(), service, i);
    RouteCheck(reader, config, service, route, node).check();
    check_states(reader, config, service, route, mark_of(node, "name"));
  }
}

Node route_node(const Document& document, const ServiceConfig& service, size_t index) {
  const Node layers = document.service_layers(service.name);
  const auto& items = child(layers, "routes").items;
  if (index >= items.size()) return {};
  const std::string& name = service.routes[index].name;
  return name.empty() ? items[index] : document.overridden(items[index], service.name, name);
}

void Routes::read(Reader& reader, const Node& node, std::vector<RouteConfig>&) const {
  constexpr size_t kMostRoutes = 1'000;
  if (!node.is_list()) return reader.wrong(node, "a list of routes", "write [{match: ..., ...}]");
  if (node.items.size() > kMostRoutes) {
    reader.problem(node.mark, "more than 1000 routes in one service");
  }
}

Node Routes::write(const std::vector<RouteConfig>& routes) const {
  Node list = Node::list();
  for (RouteConfig route : routes) {
    std::vector<std::string> written = route.overrides;
    written.emplace_back("match");
    if (!route.name.empty()) written.emplace_back("name");
    if (!route.to.empty()) written.emplace_back("to");
    if (route.sticky) written.emplace_back("sticky");
    if (route.is_split()) written.emplace_back("when_open");
    if (route.rewrite) written.emplace_back("rewrite");
    WriteVisitor visitor(&written);
    describe(visitor, route);
    list.items.push_back(visitor.take());
  }
  return list;
}

Node Routes::schema() const { return array_of(Map<RouteConfig>{}.schema()); }

}  // namespace outrigger::config
