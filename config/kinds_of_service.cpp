#include "config/kinds_of_service.hpp"

#include <algorithm>
#include <cmath>

#include "config/describe.hpp"
#include "config/text.hpp"

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
  Node properties = Node::map();
  properties.set("without", list);
  Node without = Node::map();
  without.set("type", Node::string("object"));
  without.set("additionalProperties", Node::scalar("false"));
  without.set("properties", std::move(properties));
  return any_of({list, std::move(without)});
}

void RoutePath::read(Reader& reader, const Node& node, std::string& out) const {
  constexpr std::string_view kHint = "write /exact or /prefix/*";
  if (!node.is_scalar()) return reader.wrong(node, "a path", kHint);
  out = node.text == "*" ? "" : node.text;
  if (out.empty() && !node.text.empty()) return;
  const size_t star = out.find('*');
  const bool star_inside = star != std::string::npos && star + 1 != out.size();
  if (!out.starts_with('/') || star_inside || out.find_first_of("?# ") != std::string::npos) {
    reader.wrong(node, "a path", kHint);
  }
}

void RegistryKind::read(Reader& reader, const Node& node, DnsRegistryConfig&) const {
  if (node.is_scalar() && node.text == "dns") return;
  if (!node.is_scalar()) return reader.wrong(node, "a registry kind", "write dns");
  if (reader.is_later(node.mark, "registry kind", node.text)) return;
  reader.unknown(node.mark, "registry kind", node.text, std::array<std::string_view, 1>{"dns"});
}

Node RegistryKind::schema() const { return enum_schema(std::array<std::string_view, 1>{"dns"}); }

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
