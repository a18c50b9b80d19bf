#include "config/validate.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "config/describe.hpp"
#include "config/opaque.hpp"
#include "config/routes.hpp"
#include "proxy/base/address.hpp"
#include "proxy/base/cidr.hpp"

namespace outrigger::config {
namespace {

const Node& child(const Node& node, std::string_view key) {
  static const Node nothing;
  const Node* found = node.find(key);
  return found == nullptr ? nothing : *found;
}

const Node& item(const Node& list, size_t index) {
  static const Node nothing;
  return index < list.items.size() ? list.items[index] : nothing;
}

Mark key_mark(const Node& map, std::string_view key) {
  const Entry* entry = map.entry(key);
  return entry == nullptr ? map.mark : entry->mark;
}

std::vector<std::string_view> service_names(const Config& config) {
  std::vector<std::string_view> names;
  for (const ServiceConfig& service : config.services) names.push_back(service.name);
  return names;
}

void check_service_name(Reader& reader, const Config& config, const Node& node,
                        const std::string& name) {
  if (config.find_service(name) == nullptr) {
    reader.unknown(node.mark, "service", name, service_names(config));
  }
}

// Addresses

struct Bound {
  Address address;
  std::string what;
  int line = 0;
};

bool collide(const Address& a, const Address& b) {
  if (!a.is_ip() || !b.is_ip()) return a == b;
  const bool same_port = a.port() == b.port() && a.port() != 0;
  return same_port && a.kind() == b.kind() && (a == b || a.is_any() || b.is_any());
}

void claim(Reader& reader, std::vector<Bound>& bound, const Mark& mark, const std::string& text,
           const std::string& what) {
  const auto address = Address::parse(text);
  if (!address) return;
  for (const Bound& other : bound) {
    if (!collide(other.address, *address)) continue;
    std::string message = in_quotes(text) + " is already bound by " + other.what;
    if (other.line > 0) message += ", in line " + std::to_string(other.line);
    reader.problem(mark, message + "; use another port");
    return;
  }
  bound.push_back({*address, what, mark.line});
}

void check_addresses(Reader& reader, const Config& config) {
  const Node& root = reader.document().root;
  std::vector<Bound> bound;
  if (config.admin) {
    claim(reader, bound, child(child(root, "admin"), "address").mark, config.admin->address,
          "admin");
  }
  if (config.metrics) {
    claim(reader, bound, child(child(root, "metrics"), "address").mark, config.metrics->address,
          "metrics");
  }
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const ListenerConfig& listener = config.listeners[i];
    const Node& node = item(child(root, "listeners"), i);
    const Node& addresses = child(node, "address");
    for (size_t j = 0; j < listener.addresses.size(); ++j) {
      Mark mark = addresses.is_list() ? item(addresses, j).mark : addresses.mark;
      if (mark.line == 0) mark = node.mark;
      claim(reader, bound, mark, listener.addresses[j], "the listener " + in_quotes(listener.name));
    }
  }
}

void check_listeners(Reader& reader, const Config& config) {
  const Node& list = child(reader.document().root, "listeners");
  std::vector<std::string_view> names;
  for (size_t i = 0; i < config.listeners.size(); ++i) {
    const ListenerConfig& listener = config.listeners[i];
    const Reader::Inside inside(reader, "listeners");
    if (std::find(names.begin(), names.end(), listener.name) != names.end()) {
      reader.problem(mark_of(item(list, i), "name"), "the listener " + in_quotes(listener.name) +
                                                         " is given twice; give each a name");
    }
    names.push_back(listener.name);
    if (listener.service) {
      check_service_name(reader, config, child(item(list, i), "service"), *listener.service);
    }
  }
}

// Hosts and original destinations

// Who claimed what, by its one spelling.
struct Claim {
  std::string_view service;
  int line = 0;
};
using Claims = std::map<std::string, Claim>;

// `key` is the list that says it.
void claim(Reader& reader, Claims& claims, const ServiceConfig& service, const Mark& mark,
           const std::string& spelling, std::string_view what, std::string_view key) {
  const auto [claim, is_new] = claims.try_emplace(spelling, Claim{service.name, mark.line});
  if (is_new) return;
  const std::string named = std::string(what) + ' ' + in_quotes(spelling);
  if (claim->second.service == service.name) {
    return reader.problem(mark, "the " + named + " is given twice");
  }
  reader.problem(mark, "the services " + in_quotes(claim->second.service) + " (line " +
                           std::to_string(claim->second.line) + ") and " + in_quotes(service.name) +
                           " both claim the " + named + "; write " + in_quotes(key) +
                           " in one of them");
}

void check_claims(Reader& reader, const Config& config) {
  Claims hosts;
  Claims addresses;
  const Node& services = child(reader.document().root, "services");
  for (const ServiceConfig& service : config.services) {
    const Node& node = child(services, service.name);
    const Reader::Inside outer(reader, "services");
    const Reader::Inside inside(reader, service.name);
    for (size_t i = 0; i < service.hosts.size(); ++i) {
      const Mark mark = service.hosts_auto ? key_mark(services, service.name)
                                           : item(child(node, "hosts"), i).mark;
      claim(reader, hosts, service, mark, service.hosts[i], "host", "hosts");
    }
    for (size_t i = 0; i < service.addresses.size(); ++i) {
      const auto range = AddressRange::parse(service.addresses[i]);
      if (!range) continue;
      claim(reader, addresses, service, item(child(node, "addresses"), i).mark, range->to_string(),
            "address", "addresses");
    }
  }
}

// Policies

// leads_there_alone(service): the calls go to that one anyway.
template <class LeadsThereAlone>
void check_fallbacks(Reader& reader, const Config& config, const Node& map,
                     const std::vector<Fallback>& fallback, LeadsThereAlone leads_there_alone) {
  const Node& list = child(map, "fallback");
  for (size_t i = 0; i < fallback.size(); ++i) {
    const auto* other = std::get_if<FallbackService>(&fallback[i].action);
    if (other == nullptr) continue;
    const Node& name = child(item(list, i), "service");
    if (leads_there_alone(other->service)) {
      reader.problem(name.mark, "the service " + in_quotes(other->service) +
                                    " would fall back to itself; name another one");
    } else {
      check_service_name(reader, config, name, other->service);
      const ServiceConfig* alternate = config.find_service(other->service);
      if (alternate != nullptr && is_opaque(alternate->policy.protocol)) {
        reader.problem(name.mark, "the service " + in_quotes(other->service) +
                                      " has opaque connections; it answers no requests");
      }
    }
  }
}

struct NeedsFilter {
  std::string_view section;
  std::string_view key;  // within the section; may be empty
  FilterKind filter;
  bool (*is_set)(const Policy&);  // and neither off nor what is built in
};

constexpr auto kNeedsFilter = std::to_array<NeedsFilter>({
    {"timeout", "request", FilterKind::kDeadline,
     [](const Policy& p) { return p.timeout.request_ms && p.timeout.request_ms != kAutoMs; }},
    {"timeout", "total", FilterKind::kDeadline,
     [](const Policy& p) { return p.timeout.total_ms.has_value(); }},
    {"timeout", "attempt", FilterKind::kAttemptTimeout,
     [](const Policy& p) { return p.timeout.attempt_ms && p.timeout.attempt_ms != kAutoMs; }},
    {"deadline_header", "", FilterKind::kDeadline,
     [](const Policy& p) { return p.deadline_header.has_value(); }},
    {"retry", "", FilterKind::kRetry,
     [](const Policy& p) { return p.retry && *p.retry != Retry{}; }},
    {"limits", "outstanding", FilterKind::kOutstanding,
     [](const Policy& p) {
       return p.limits.outstanding && p.limits.outstanding != Limits{}.outstanding;
     }},
    {"limits", "streams", FilterKind::kOutstanding,
     [](const Policy& p) { return p.limits.streams.has_value(); }},
    {"limits", "queue", FilterKind::kOutstanding,
     [](const Policy& p) { return p.limits.queue != Limits{}.queue; }},
    {"circuit", "", FilterKind::kCircuit,
     [](const Policy& p) { return p.circuit && *p.circuit != Circuit{}; }},
    {"fallback", "", FilterKind::kFallback, [](const Policy& p) { return !p.fallback.empty(); }},
    {"cache", "", FilterKind::kFallback,
     [](const Policy& p) { return p.cache && *p.cache != Cache{}; }},
    {"headers", "", FilterKind::kHeaders, [](const Policy& p) { return p.headers != Headers{}; }},
});

bool has_filter(const Config& config, FilterKind filter) {
  return std::any_of(config.listeners.begin(), config.listeners.end(), [&](const auto& listener) {
    return std::find(listener.filters.begin(), listener.filters.end(), filter) !=
           listener.filters.end();
  });
}

// A map of a service or route: what it sets must be done by some listener's filter.
void check_filters(Reader& reader, const Config& config, const Node& map, const Policy& policy) {
  for (const NeedsFilter& needs : kNeedsFilter) {
    const Entry* section = map.entry(needs.section);
    if (section == nullptr || !needs.is_set(policy) || has_filter(config, needs.filter)) continue;
    const Entry* key = needs.key.empty() ? section : section->value.entry(needs.key);
    if (key == nullptr) continue;
    reader.problem(key->mark, in_quotes(key->key) + " is set, but no listener has the filter " +
                                  in_quotes(to_string(needs.filter)) + "; add it to \"filters\"?");
  }
}

// Whether there is one of that kind by the name that the source says.
void check_registry(Reader& reader, const auto& registries, const Node& node, std::string_view kind,
                    const EndpointSource& source) {
  std::vector<std::string_view> names;
  names.reserve(registries.size());
  for (const auto& registry : registries) names.push_back(registry.name);
  if (std::ranges::find(names, source.registry) != names.end()) return;
  reader.unknown(child(child(node, kind), "registry").mark, std::string(kind) + " registry",
                 source.registry, names);
}

void check_registries(Reader& reader, const Config& config, const Node& node,
                      const EndpointSource& source) {
  using Kind = EndpointSource::Kind;
  if (source.kind == Kind::kDns) check_registry(reader, config.registries.dns, node, "dns", source);
  if (source.kind == Kind::kConsul) {
    check_registry(reader, config.registries.consul, node, "consul", source);
  }
  if (source.kind == Kind::kEureka) {
    check_registry(reader, config.registries.eureka, node, "eureka", source);
  }
  if (source.kind == Kind::kKubernetes) {
    check_registry(reader, config.registries.kubernetes, node, "kubernetes", source);
  }
  const Node& parts =
      child(node, source.kind == EndpointSource::Kind::kUnion ? "union" : "first_of");
  for (size_t i = 0; i < source.parts.size(); ++i) {
    check_registries(reader, config, item(parts, i), source.parts[i]);
  }
}

void check_proxy(Reader& reader, const Node& map, const Policy& policy) {
  const Entry* key = map.entry("proxy");
  if (key == nullptr || !policy.proxy || policy.protocol == Protocol::kAuto ||
      policy.protocol == Protocol::kHttp1) {
    return;
  }
  reader.problem(key->mark, "a proxy is spoken to in HTTP/1.1; leave \"protocol\" out");
}

void check_service(Reader& reader, const Config& config, const ServiceConfig& service) {
  const Reader::Inside outer(reader, "services");
  const Reader::Inside inside(reader, service.name);
  const Node map = reader.document().service_layers(service.name);
  check_fallbacks(reader, config, map, service.policy.fallback,
                  [&](const std::string& name) { return name == service.name; });
  check_filters(reader, config, map, service.policy);
  check_proxy(reader, map, service.policy);
  check_registries(reader, config, child(map, "endpoints"), service.endpoints);
  check_opaque(reader, config, service);
  check_routes(reader, config, service);
  for (size_t i = 0; i < service.routes.size(); ++i) {
    const RouteConfig& route = service.routes[i];
    const Node layer = route_node(reader.document(), service, i);
    if (route.owns("fallback")) {
      check_fallbacks(reader, config, layer, route.policy.fallback, [&](const std::string& name) {
        bool alone = true;
        for_each_target(service.name, route, [&](const std::string& target, const Policy&) {
          alone = alone && target == name;
        });
        return alone;
      });
    }
    check_filters(reader, config, layer, route.policy);
  }
}

}  // namespace

void check(Reader& reader, const Node& node, const AdminToken& token) {
  if (token.name.empty() && node.find("name") == nullptr) {
    reader.problem(node.mark, "a token has no \"name\"; who is it, in events?");
  }
  if (token.file.empty() && node.find("file") == nullptr) {
    reader.problem(node.mark, "a token has no \"file\"; secrets come only from files");
  }
}

void check(Reader& reader, const Node& node, const AdminConfig& admin) {
  const auto address = Address::parse(admin.address);
  const bool exposed = address && address->is_ip() && !address->is_loopback();
  const bool meant = admin.tls.has_value() || admin.insecure;
  if (exposed && !meant) {
    reader.problem(mark_of(node, "address"),
                   in_quotes(admin.address) + " is not loopback and there is no \"tls\"; " +
                       "write 127.0.0.1, a unix socket, \"tls\", or \"insecure: true\"");
  }
  if (exposed && meant && admin.tokens.empty()) {
    reader.problem(
        mark_of(node, "address"),
        in_quotes(admin.address) + " is not loopback, so \"tokens\" must say who may ask");
  }
  const Node& tokens = child(node, "tokens");
  for (size_t i = 0; i < admin.tokens.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (admin.tokens[i].name != admin.tokens[j].name || admin.tokens[i].name.empty()) continue;
      reader.problem(item(tokens, i).mark,
                     "the token name " + in_quotes(admin.tokens[i].name) + " is given twice");
    }
  }
}

void check(Reader& reader, const Node& node, const ListenerConfig& listener) {
  if (listener.intercept != Intercept::kTransparent) return;
  if (listener.tls) {
    reader.problem(mark_of(node, "tls"),
                   "a transparent listener carries the TLS of its callers and cannot end it; "
                   "remove \"tls\", or choose another \"intercept\"");
  }
  const Node& addresses = child(node, "address");
  for (size_t i = 0; i < listener.addresses.size(); ++i) {
    if (!listener.addresses[i].starts_with("unix:")) continue;
    reader.problem(addresses.is_list() ? item(addresses, i).mark : addresses.mark,
                   in_quotes(listener.addresses[i]) +
                       " is a unix socket, whose callers have no original destination");
  }
}

void check(Reader& reader, const Node& node, const DrainConfig& drain) {
  if (drain.quiet_ms > drain.grace_ms) {
    reader.problem(mark_of(node, node.find("quiet") != nullptr ? "quiet" : "grace"),
                   "\"quiet\" is longer than \"grace\"");
  }
}

void check(Reader& reader, const Node& node, const ConsulRegistryConfig& registry) {
  if (registry.tls && !registry.url.starts_with("https:")) {
    reader.problem(mark_of(node, "tls"), "\"tls\" is set, but the URL is not https");
  }
}

void check(Reader& reader, const Node& node, const EurekaRegistryConfig& registry) {
  const auto is_https = [](const std::string& url) { return url.starts_with("https:"); };
  if (registry.tls && std::ranges::none_of(registry.urls, is_https)) {
    reader.problem(mark_of(node, "tls"), "\"tls\" is set, but no URL is https");
  }
}

void check(Reader& reader, const Node& node, const DnsRegistryConfig& registry) {
  if (registry.ttl_min_ms > registry.ttl_max_ms) {
    reader.problem(mark_of(node, node.find("ttl_min") != nullptr ? "ttl_min" : "ttl_max"),
                   "\"ttl_min\" is longer than \"ttl_max\"");
  }
}

void validate(Reader& reader, const Config& config) {
  check_addresses(reader, config);
  check_listeners(reader, config);
  check_claims(reader, config);
  for (const ServiceConfig& service : config.services) check_service(reader, config, service);
  check_registrations(reader, config);
  check_filters(reader, config, child(reader.document().root, "defaults"), config.passthrough);
  if (config.access_log.path && !has_filter(config, FilterKind::kAccessLog)) {
    const Node& log = child(reader.document().root, "access_log");
    reader.problem(
        key_mark(log, "path"),
        "\"path\" is set, but no listener has the filter \"access_log\"; add it to \"filters\"?");
  }
}

}  // namespace outrigger::config
