#include "config/kinds_of_service.hpp"

#include <algorithm>
#include <cmath>

#include "config/describe.hpp"
#include "config/text.hpp"
#include "proxy/base/cidr.hpp"

namespace outrigger::config {
namespace {

const Text kServer{"an IP or IP:PORT", "a DNS server is asked by address", &is_ip};

std::optional<FilterKind> find_filter(Reader& reader, const Node& node) {
  if (!node.is_scalar()) {
    reader.wrong(node, "the name of a filter");
    return std::nullopt;
  }
  for (size_t i = 0; i < kFilterNames.size(); ++i) {
    if (kFilterNames[i] == node.text) return static_cast<FilterKind>(i);
  }
  if (!reader.is_later(node.mark, "filters", node.text)) {
    reader.unknown(node.mark, "filter", node.text, kFilterNames);
  }
  return std::nullopt;
}

std::vector<FilterKind> read_filters(Reader& reader, const Node& list) {
  std::vector<FilterKind> filters;
  if (!list.is_list()) {
    reader.wrong(list, "a list of filters",
                 "write [a, b], or {without: [x]} for the rest of the default list");
    return filters;
  }
  for (const Node& item : list.items) {
    const auto filter = find_filter(reader, item);
    if (!filter) continue;
    if (std::find(filters.begin(), filters.end(), *filter) != filters.end()) {
      reader.problem(item.mark, "the filter " + in_quotes(item.text) + " is given twice");
    } else {
      filters.push_back(*filter);
    }
  }
  return filters;
}

// An object with one key.
Node map_of_one(std::string_view key, Node value) {
  Node properties = Node::map();
  properties.set(key, std::move(value));
  Node object = Node::map();
  object.set("type", Node::string("object"));
  object.set("additionalProperties", Node::scalar("false"));
  object.set("properties", std::move(properties));
  return object;
}

bool is_address_range(std::string_view text) { return AddressRange::parse(text).has_value(); }

constexpr List<Count> kPorts{Count{1, 65'535}, false, 0, 1'000, true};

void say_port_twice(Reader& reader, const Node& list, const std::vector<int>& ports) {
  for (size_t i = 0; i < ports.size() && i < list.items.size(); ++i) {
    const auto end = ports.begin() + static_cast<ptrdiff_t>(i);
    if (std::find(ports.begin(), end, ports[i]) == end || ports[i] == 0) continue;
    reader.problem(list.items[i].mark,
                   "the port " + in_quotes(list.items[i].text) + " is given twice");
  }
}

}  // namespace

void Filters::read(Reader& reader, const Node& node, std::vector<FilterKind>& out) const {
  if (!node.is_map()) return void(out = read_filters(reader, node));
  std::vector<FilterKind> left_out;
  ReadVisitor visitor(reader, node, "filters");
  visitor.key("without", left_out, Filters{}, "");
  visitor.finish();
  out = default_filters();
  for (const FilterKind filter : left_out) std::erase(out, filter);
}

Node Filters::write(const std::vector<FilterKind>& filters) const {
  Node list = Node::list();
  for (const FilterKind filter : filters) list.items.push_back(Node::scalar(to_string(filter)));
  return list;
}

Node Filters::schema() const {
  const Node list = array_of(enum_schema(kFilterNames));
  return any_of({list, map_of_one("without", list)});
}

Text address_range_kind() {
  return {"CIDR:PORT",
          "write 10.1.0.0/16:5432, 10.0.0.7:5432 or \"[fd00::/8]:5432\", with no bit set beyond "
          "the prefix; a port of * is any",
          &is_address_range};
}

void OpaquePorts::read(Reader& reader, const Node& node, std::vector<int>& out) const {
  if (!node.is_map()) {
    kPorts.read(reader, node, out);
    return say_port_twice(reader, node, out);
  }
  std::vector<int> more;
  ReadVisitor visitor(reader, node, "opaque_ports");
  visitor.key("also", more, kPorts, "");
  visitor.finish();
  out = ListenerConfig{}.opaque_ports;
  for (const int port : more) {
    if (std::find(out.begin(), out.end(), port) == out.end()) out.push_back(port);
  }
}

Node OpaquePorts::write(const std::vector<int>& ports) const { return kPorts.write(ports); }

Node OpaquePorts::schema() const {
  return any_of({kPorts.schema(), map_of_one("also", kPorts.schema())});
}

// Which kind it is was decided before: see Registries.
void RegistryKind::read(Reader&, const Node&, const std::string&) const {}

Node RegistryKind::schema() const { return enum_schema(std::array{kind}); }

void Workers::read(Reader& reader, const Node& node, int& out) const {
  if (node.is_scalar() && node.text == "auto") return void(out = 0);
  Count{1, 256}.read(reader, node, out);
}

Node Workers::write(int workers) const {
  return workers == 0 ? Node::scalar("auto") : Node::number(workers);
}

Node Workers::schema() const { return Or<Count>{"auto", Count{1, 256}}.schema(); }

void DnsServers::read(Reader& reader, const Node& node, std::vector<std::string>& out) const {
  out.clear();
  if (node.is_scalar() && node.text == "system") return;
  List<Text>{kServer, false, 1, 16}.read(reader, node, out);
}

Node DnsServers::write(const std::vector<std::string>& servers) const {
  return servers.empty() ? Node::scalar("system") : List<Text>{}.write(servers);
}

Node DnsServers::schema() const {
  return any_of(
      {enum_schema(std::array<std::string_view, 1>{"system"}), array_of(Text{}.schema())});
}

void Buckets::read(Reader& reader, const Node& node, std::vector<double>& out) const {
  constexpr size_t kMostBuckets = 64;
  if (!node.is_list() || node.items.empty() || node.items.size() > kMostBuckets) {
    return reader.wrong(node, "a list of 1 to 64 durations", "write [5ms, 50ms, 500ms]");
  }
  out.clear();
  for (const Node& item : node.items) {
    const auto ms = item.is_scalar() ? parse_duration_ms(item.text) : std::nullopt;
    if (!ms) return reader.wrong(item, "a duration", "write it like 0.5ms, 250ms or 2s");
    if (*ms <= (out.empty() ? 0.0 : out.back())) {
      return reader.problem(item.mark, in_quotes(reader.key()) + " must rise from one to the next");
    }
    out.push_back(*ms);
  }
}

Node Buckets::write(const std::vector<double>& buckets) const {
  Node list = Node::list();
  for (const double ms : buckets) list.items.push_back(Node::scalar(format_duration(ms)));
  return list;
}

Node Buckets::schema() const { return array_of(Duration{}.schema()); }

}  // namespace outrigger::config
