// Endpoint sources, and the hosts that follow from them.
#include <algorithm>

#include "config/describe.hpp"
#include "config/text.hpp"
#include "proxy/base/address.hpp"

namespace outrigger::config {
namespace {

constexpr std::string_view kOriginalWord = "original";

struct DnsForm {
  std::optional<std::string> name;
  std::optional<int> port;
  std::optional<std::string> srv;
  std::string registry = "dns";
};

struct ConsulForm {
  std::string service;
  std::optional<std::string> tag;
  std::string registry = "consul";
};

struct EurekaForm {
  std::optional<std::string> app;
  std::optional<std::string> vip;
  std::string registry = "eureka";
};

struct KubernetesForm {
  std::string service;
  std::optional<std::string> port;
  std::optional<std::string> name_space;
  std::string registry = "kubernetes";
};

// A source as it is written: exactly one of the first eight is there.
struct SourceForm {
  std::optional<std::vector<StaticEndpoint>> endpoints;
  std::optional<std::string> file;
  std::optional<DnsForm> dns;
  std::optional<ConsulForm> consul;
  std::optional<EurekaForm> eureka;
  std::optional<KubernetesForm> kubernetes;
  std::optional<std::vector<EndpointSource>> all_of;
  std::optional<std::vector<EndpointSource>> first_of;
  std::optional<int64_t> hold_ms;
  std::optional<int> min;

  int sources() const {
    return int{endpoints.has_value()} + int{file.has_value()} + int{dns.has_value()} +
           int{consul.has_value()} + int{eureka.has_value()} + int{kubernetes.has_value()} +
           int{all_of.has_value()} + int{first_of.has_value()};
  }
};

}  // namespace

template <>
inline constexpr std::string_view kSection<DnsForm> = "dns";
template <>
inline constexpr std::string_view kSection<ConsulForm> = "consul";
template <>
inline constexpr std::string_view kSection<EurekaForm> = "eureka";
template <>
inline constexpr std::string_view kSection<KubernetesForm> = "kubernetes";
template <>
inline constexpr std::string_view kSection<StaticEndpoint> = "endpoint";

namespace {

bool is_endpoint_address(std::string_view text) {
  const auto address = Address::parse(text);
  return address && address->is_ip() && address->port() != 0;
}

Text endpoint_address_kind() {
  return {"IP:PORT", "for a name write dns: {name: NAME, port: PORT}", &is_endpoint_address};
}

bool is_plain_dns_name(std::string_view text) { return is_dns_name(text) && !is_ip(text); }

Text dns_name_kind() {
  return {"a DNS name", "for an address write static: [\"IP:PORT\"]", &is_plain_dns_name};
}

// It goes into a path of the registry's API.
Text registered_name_kind() { return {"a name", "letters, digits and - _ . at most", &is_name}; }

}  // namespace

template <class V>
void describe(V& v, StaticEndpoint& endpoint) {
  v.key("address", endpoint.address, endpoint_address_kind(), "IP:PORT");
  v.key("weight", endpoint.weight, Count{1, 1'000}, "Its share against the others");
  v.key("zone", endpoint.zone, off_or(zone_kind()), "Where it runs, as the `zone` of sidecars");
}

namespace {

template <class V>
void describe(V& v, DnsForm& dns) {
  v.key("name", dns.name, Maybe<Text>{dns_name_kind()}, "Looked up as A and AAAA");
  v.key("port", dns.port, Maybe<Count>{{1, 65'535}}, "Of every address found");
  v.key("srv", dns.srv, Maybe<Text>{dns_name_kind()},
        "Or looked up as SRV, which has ports and weights, like _http._tcp.orders");
  v.key("registry", dns.registry, Text{}, "Which registry of kind dns");
}

template <class V>
void describe(V& v, ConsulForm& consul) {
  v.key("service", consul.service, registered_name_kind(), "As it is registered");
  v.key("tag", consul.tag, off_or(registered_name_kind()), "Only instances that have it");
  v.key("registry", consul.registry, Text{}, "Which registry of kind consul");
}

template <class V>
void describe(V& v, EurekaForm& eureka) {
  v.key("app", eureka.app, Maybe<Text>{registered_name_kind()}, "By the name of the application");
  v.key("vip", eureka.vip, Maybe<Text>{registered_name_kind()}, "Or by its vipAddress");
  v.key("registry", eureka.registry, Text{}, "Which registry of kind eureka");
}

template <class V>
void describe(V& v, KubernetesForm& kubernetes) {
  v.key("service", kubernetes.service, registered_name_kind(), "The Service");
  v.key("port", kubernetes.port, Maybe<Text>{registered_name_kind()},
        "A name or a number of its EndpointSlices; not needed where there is only one");
  v.key("namespace", kubernetes.name_space, off_or(registered_name_kind()),
        "off: that of the registry");
  v.key("registry", kubernetes.registry, Text{}, "Which registry of kind kubernetes");
}

template <class V>
void describe(V& v, SourceForm& form) {
  v.key("static", form.endpoints, Maybe<List<EndpointItem>>{}, "A fixed list");
  v.key("file", form.file, Maybe<Text>{}, "A watched file with `endpoints:`, items as in `static`");
  v.key("dns", form.dns, Maybe<Map<DnsForm>>{}, "The addresses of a name");
  v.key("consul", form.consul, Maybe<Map<ConsulForm>>{}, "Healthy instances in Consul");
  v.key("eureka", form.eureka, Maybe<Map<EurekaForm>>{}, "Instances that are UP in Eureka");
  v.key("kubernetes", form.kubernetes, Maybe<Map<KubernetesForm>>{},
        "Ready endpoints of a Service");
  v.key("union", form.all_of, Maybe<List<Source>>{{{true}, false, 1, 100}},
        "Several sources together");
  v.key("first_of", form.first_of, Maybe<List<Source>>{{{true, true}, false, 1, 100}},
        "The first source that has enough");
  v.key("hold", form.hold_ms, Maybe<Duration>{Duration{0}},
        "With first_of: how long before switching back");
  v.key("min", form.min, Maybe<Count>{Count{1, 10'000}},
        "Within first_of: fewer endpoints and it is passed over");
}

void check(Reader& reader, const Node& node, const DnsForm& dns) {
  if (dns.srv && (dns.name || dns.port)) {
    reader.problem(mark_of(node, "srv"),
                   "\"srv\" has ports and names of its own; remove \"name\" and \"port\"");
  }
  if (dns.srv) return;
  const auto require = [&](bool is_there, std::string_view key) {
    if (is_there) return;
    reader.problem(node.mark, "\"dns\" has no " + in_quotes(key) +
                                  "; write dns: {name: NAME, port: PORT} or dns: {srv: NAME}");
  };
  require(dns.name.has_value(), "name");
  require(dns.port.has_value(), "port");
}

void check(Reader& reader, const Node& node, const ConsulForm&) {
  if (node.find("service") != nullptr) return;
  reader.problem(node.mark, "\"consul\" has no \"service\"; write consul: {service: NAME}");
}

void check(Reader& reader, const Node& node, const EurekaForm& eureka) {
  if (eureka.app.has_value() != eureka.vip.has_value()) return;
  reader.problem(node.mark, "write eureka: {app: NAME} or eureka: {vip: NAME}");
}

void check(Reader& reader, const Node& node, const KubernetesForm&) {
  if (node.find("service") != nullptr) return;
  reader.problem(node.mark, "\"kubernetes\" has no \"service\"; write kubernetes: {service: NAME}");
}

std::optional<std::string> port_of(const EndpointSource& source) {
  if (source.port.empty()) return std::nullopt;
  return source.port;
}

SourceForm form_of(const EndpointSource& source, bool ranked) {
  SourceForm form;
  switch (source.kind) {
    case EndpointSource::Kind::kNone:
    case EndpointSource::Kind::kOriginal:
      break;
    case EndpointSource::Kind::kStatic:
      form.endpoints = source.endpoints;
      break;
    case EndpointSource::Kind::kFile:
      form.file = source.file;
      break;
    case EndpointSource::Kind::kDns:
      form.dns.emplace();
      form.dns->registry = source.registry;
      if (source.dns_srv.empty()) {
        form.dns->name = source.dns_name;
        form.dns->port = source.dns_port;
      } else {
        form.dns->srv = source.dns_srv;
      }
      break;
    case EndpointSource::Kind::kConsul:
      form.consul = ConsulForm{source.service, source.tag, source.registry};
      break;
    case EndpointSource::Kind::kEureka:
      form.eureka = EurekaForm{source.app, source.vip, source.registry};
      break;
    case EndpointSource::Kind::kKubernetes:
      form.kubernetes =
          KubernetesForm{source.service, port_of(source), source.name_space, source.registry};
      break;
    case EndpointSource::Kind::kUnion:
      form.all_of = source.parts;
      break;
    case EndpointSource::Kind::kFirstOf:
      form.first_of = source.parts;
      form.hold_ms = source.hold_ms;
      break;
  }
  if (ranked) form.min = source.min;
  return form;
}

void fill(EndpointSource& out, SourceForm form) {
  out = EndpointSource{};
  if (form.endpoints) {
    out.kind = EndpointSource::Kind::kStatic;
    out.endpoints = std::move(*form.endpoints);
  } else if (form.file) {
    out.kind = EndpointSource::Kind::kFile;
    out.file = *form.file;
  } else if (form.dns) {
    out.kind = EndpointSource::Kind::kDns;
    out.dns_name = to_lower(form.dns->name.value_or(""));
    out.dns_port = form.dns->port.value_or(0);
    out.dns_srv = to_lower(form.dns->srv.value_or(""));
    out.registry = form.dns->registry;
  } else if (form.consul) {
    out.kind = EndpointSource::Kind::kConsul;
    out.service = form.consul->service;
    out.tag = form.consul->tag;
    out.registry = form.consul->registry;
  } else if (form.eureka) {
    out.kind = EndpointSource::Kind::kEureka;
    out.app = form.eureka->app;
    out.vip = form.eureka->vip;
    out.registry = form.eureka->registry;
  } else if (form.kubernetes) {
    out.kind = EndpointSource::Kind::kKubernetes;
    out.service = form.kubernetes->service;
    out.port = form.kubernetes->port.value_or("");
    out.name_space = form.kubernetes->name_space;
    out.registry = form.kubernetes->registry;
  } else if (form.all_of) {
    out.kind = EndpointSource::Kind::kUnion;
    out.parts = std::move(*form.all_of);
  } else if (form.first_of) {
    out.kind = EndpointSource::Kind::kFirstOf;
    out.parts = std::move(*form.first_of);
    out.hold_ms = form.hold_ms.value_or(EndpointSource{}.hold_ms);
  }
  out.min = form.min.value_or(EndpointSource{}.min);
}

// Of "_http._tcp.orders.test" it is what follows the service and the protocol (RFC 2782).
std::string host_of(const EndpointSource& dns) {
  if (dns.dns_srv.empty()) return dns.dns_name;
  std::string_view host = dns.dns_srv;
  while (host.starts_with('_') && host.find('.') != std::string_view::npos) {
    host.remove_prefix(host.find('.') + 1);
  }
  return std::string(host);
}

// The names by which callers know what the source lists.
void collect_names(const EndpointSource& source, std::vector<std::string>& names) {
  using Kind = EndpointSource::Kind;
  const std::string service = to_lower(source.service);
  if (source.kind == Kind::kDns) names.push_back(host_of(source));
  if (source.kind == Kind::kConsul) names.push_back(service + ".service.consul");
  if (source.kind == Kind::kKubernetes) {
    names.push_back(service);
    if (source.name_space) {
      const std::string in = service + "." + to_lower(*source.name_space);
      names.insert(names.end(), {in, in + ".svc", in + ".svc.cluster.local"});
    }
  }
  for (const EndpointSource& part : source.parts) collect_names(part, names);
}

void say_twice(Reader& reader, const Node& list, const std::vector<StaticEndpoint>& endpoints) {
  for (size_t i = 0; i < endpoints.size() && i < list.items.size(); ++i) {
    const auto first = std::find_if(
        endpoints.begin(), endpoints.begin() + static_cast<ptrdiff_t>(i),
        [&](const StaticEndpoint& other) { return other.address == endpoints[i].address; });
    if (first != endpoints.begin() + static_cast<ptrdiff_t>(i) && !endpoints[i].address.empty()) {
      reader.problem(list.items[i].mark, "the endpoint " + in_quotes(endpoints[i].address) +
                                             " is given twice; use weight?");
    }
  }
}

}  // namespace

void Source::read(Reader& reader, const Node& node, EndpointSource& out) const {
  if (node.is_scalar() && node.text == kOriginalWord) {
    if (part) {
      return reader.problem(node.mark,
                            "\"original\" is where each caller was going, no list; it stands "
                            "alone");
    }
    out = EndpointSource{};
    out.kind = EndpointSource::Kind::kOriginal;
    return;
  }
  if (!node.is_map()) {
    return reader.wrong(node, "a source",
                        "write {static: [\"IP:PORT\"]}, {file: PATH}, {dns: ...} or original");
  }
  SourceForm form;
  ReadVisitor visitor(reader, node, "endpoints");
  describe(visitor, form);
  visitor.finish();
  if (form.sources() > 1) {
    reader.problem(node.mark, "more than one source; write {union: [{...}, {...}]} or first_of");
  }
  if (form.hold_ms && !form.first_of) {
    reader.problem(mark_of(node, "hold"), "\"hold\" belongs to \"first_of\"");
  }
  if (form.min && !ranked) {
    reader.problem(mark_of(node, "min"), "\"min\" belongs to a source within \"first_of\"");
  }
  if (form.endpoints) say_twice(reader, *node.find("static"), *form.endpoints);
  fill(out, std::move(form));
}

Node Source::write(const EndpointSource& source) const {
  if (source.kind == EndpointSource::Kind::kOriginal) return Node::scalar(kOriginalWord);
  WriteVisitor visitor;
  SourceForm form = form_of(source, ranked);
  describe(visitor, form);
  return visitor.take();
}

Node Source::schema() const {
  Node reference = Node::map();
  reference.set("$ref", Node::string("#/$defs/endpoints"));
  if (part) return reference;
  return any_of({enum_schema(std::array{kOriginalWord}), std::move(reference)});
}

Node Source::definition() {
  SchemaVisitor visitor;
  SourceForm form;
  describe(visitor, form);
  return visitor.take();
}

void EndpointItem::read(Reader& reader, const Node& node, StaticEndpoint& out) const {
  if (!node.is_map()) return endpoint_address_kind().read(reader, node, out.address);
  Map<StaticEndpoint>{}.read(reader, node, out);
  if (node.find("address") == nullptr) {
    reader.problem(node.mark, "an endpoint has no \"address\"; write {address: \"IP:PORT\"}");
  }
}

Node EndpointItem::write(const StaticEndpoint& endpoint) const {
  const bool is_plain = endpoint.weight == 1 && !endpoint.zone;
  return is_plain ? Node::string(endpoint.address) : Map<StaticEndpoint>{}.write(endpoint);
}

Node EndpointItem::schema() const {
  return any_of({Text{}.schema(), Map<StaticEndpoint>{}.schema()});
}

std::vector<std::string> implied_hosts(const ServiceConfig& service) {
  std::vector<std::string> names = {to_lower(service.name)};
  collect_names(service.endpoints, names);
  std::vector<std::string> hosts;
  for (const std::string& name : names) {
    if (std::find(hosts.begin(), hosts.end(), name) == hosts.end()) hosts.push_back(name);
  }
  return hosts;
}

void Hosts::read(Reader& reader, const Node& node, ServiceConfig& out) const {
  if (node.is_scalar() && node.text == "auto") return void(out.hosts_auto = true);
  out.hosts_auto = false;
  const Text host{"a host", "write NAME, \"*.suffix\" or either with :PORT", &is_host_pattern};
  List<Text>{host, false, 0, 1'000}.read(reader, node, out.hosts);
  for (std::string& name : out.hosts) name = to_lower(name);
}

Node Hosts::write(const ServiceConfig& service) const {
  return service.hosts_auto ? Node::scalar("auto") : List<Text>{}.write(service.hosts);
}

Node Hosts::schema() const {
  return any_of({enum_schema(std::array<std::string_view, 1>{"auto"}), array_of(Text{}.schema())});
}

}  // namespace outrigger::config
