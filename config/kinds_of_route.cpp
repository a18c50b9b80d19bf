#include "config/kinds_of_route.hpp"

#include <algorithm>

#include "config/describe.hpp"
#include "config/text.hpp"

namespace outrigger::config {
namespace {

constexpr size_t kMostTargets = 64;  // as many as filters::SplitChoice takes
constexpr Count kWeight{0, 1'000'000};
constexpr std::string_view kWriteTargets = "write NAME, or {self: 90, NAME: 10}";

bool is_media_type(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos || text.find('*') != std::string_view::npos) return false;
  return is_token(text.substr(0, slash)) && is_token(text.substr(slash + 1));
}

bool is_path_prefix(const Node& node) {
  return node.is_scalar() && node.text.starts_with('/') &&
         node.text.find_first_of("?#* ") == std::string::npos &&
         node.text.find("//") == std::string::npos && is_field_value(node.text);
}

}  // namespace

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

Text media_type_kind() {
  return {"a media type", "write it like application/vnd.shop+json, without parameters or *",
          &is_media_type};
}

Text version_kind() { return {"a version", "write it like 2 or 2.1", &is_token}; }

Text cookie_kind() { return {"the name of a cookie", "", &is_token}; }

void Targets::read(Reader& reader, const Node& node, std::vector<RouteTarget>& out) const {
  out.clear();
  if (node.is_scalar() && !node.text.empty()) return void(out.emplace_back().name = node.text);
  if (!node.is_map() || node.entries.empty()) {
    return reader.wrong(node, "a service or services with weights", kWriteTargets);
  }
  if (node.entries.size() > kMostTargets) {
    return reader.problem(node.mark, "\"to\" has more than 64 services");
  }
  for (const Entry& entry : node.entries) {
    const Reader::Inside inside(reader, entry.key);
    RouteTarget& target = out.emplace_back();
    target.name = entry.key;
    kWeight.read(reader, entry.value, target.weight);
  }
}

Node Targets::write(const std::vector<RouteTarget>& targets) const {
  if (targets.empty()) return {};
  Node map = Node::map();
  for (const RouteTarget& target : targets) map.set(target.name, Node::number(target.weight));
  return map;
}

Node Targets::schema() const { return any_of({Text{}.schema(), map_of(kWeight.schema())}); }

void PathPrefixKind::read(Reader& reader, const Node& node, PathPrefix& out) const {
  const bool is_pair = node.is_list() && node.items.size() == 2;
  if (!is_pair) return reader.wrong(node, "two paths", "write [/v2, /]: [FROM, TO]");
  for (const Node& item : node.items) {
    if (!is_path_prefix(item)) {
      return reader.wrong(item, "the beginning of a path", "write it like /v2, or / for the root");
    }
  }
  out = {node.items[0].text, node.items[1].text};
}

Node PathPrefixKind::write(const PathPrefix& prefix) const {
  Node list = Node::list();
  for (const std::string& path : {prefix.from, prefix.to}) list.items.push_back(Node::string(path));
  return list;
}

Node PathPrefixKind::schema() const {
  Node pair = array_of(Text{}.schema());
  for (const char* bound : {"minItems", "maxItems"}) pair.set(bound, Node::number(2));
  return pair;
}

void RewrittenHost::read(Reader& reader, const Node& node, Authority& out) const {
  const bool is_word = node.is_scalar() && (node.text == "auto" || node.text == "caller");
  if (is_word || !node.is_scalar()) {
    return reader.wrong(node, "a host", "write upstream or a name; caller is \"authority\"'s");
  }
  AuthorityKind{}.read(reader, node, out);
}

Node RewrittenHost::write(const Authority& authority) const {
  return AuthorityKind{}.write(authority);
}

Node RewrittenHost::schema() const { return AuthorityKind{}.schema(); }

void check(Reader& reader, const Node& node, const AcceptedType& accept) {
  if (!accept.type.empty() || node.find("type") != nullptr) return;
  reader.problem(node.mark, "\"accept\" has no \"type\"; write {type: application/json}");
}

void check(Reader& reader, const Node& node, const Sticky& sticky) {
  if (sticky.header.has_value() != sticky.cookie.has_value()) return;
  reader.problem(node.mark, "\"sticky\" is {header: NAME} or {cookie: NAME}");
}

void check(Reader& reader, const Node& node, const Rewrite& rewrite) {
  if (rewrite.path_prefix || rewrite.host) return;
  reader.problem(node.mark, "\"rewrite\" changes nothing; write \"path_prefix\" or \"host\"");
}

}  // namespace outrigger::config
