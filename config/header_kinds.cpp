// Header fields that are matched, set, added and removed.
#include <algorithm>

#include "config/describe_policy.hpp"
#include "config/text.hpp"

namespace outrigger::config {
namespace {

// What to do instead of editing a field that belongs to framing or to one hop; empty: may be
// edited.
std::string_view why_not_edited(std::string_view name) {
  if (name == "content-length" || name == "transfer-encoding")
    return "the proxy frames the body itself";
  if (name == "host") return "use \"authority\"";
  if (name == "via") return "use \"via\" of the listener";
  constexpr std::array<std::string_view, 9> kHop = {
      "connection", "keep-alive", "proxy-connection",    "upgrade",           "te",
      "trailer",    "expect",     "proxy-authorization", "proxy-authenticate"};
  const bool hop = std::find(kHop.begin(), kHop.end(), name) != kHop.end();
  return hop ? "it ends at this hop and never travels on" : "";
}

// {name: ...} with the name checked and made lower case; `value` fills what it is given.
template <class Value>
void read_fields(Reader& reader, const Node& node, bool edited, std::vector<Value>& out,
                 void (*value)(Reader&, const Node&, Value&)) {
  out.clear();
  if (!node.is_map()) return reader.wrong(node, "a map of fields", "write {name: value}");
  for (const Entry& entry : node.entries) {
    const Reader::Inside inside(reader, entry.key);
    Node key = Node::string(entry.key);
    key.mark = entry.mark;
    Value field;
    HeaderName{edited}.read(reader, key, field.name);
    value(reader, entry.value, field);
    const auto same = [&](const Value& other) { return other.name == field.name; };
    out.erase(std::remove_if(out.begin(), out.end(), same),
              out.end());  // a layer below, in other case
    out.push_back(std::move(field));
  }
}

void read_field_value(Reader& reader, const Node& node, std::string& out) {
  if (!node.is_scalar()) return reader.wrong(node, "a value");
  if (!is_field_value(node.text)) {
    return reader.problem(node.mark,
                          in_quotes(reader.key()) + " has a control character in its value");
  }
  out = node.text;
}

template <class V>
void describe_from_file(V& v, HeaderValue& value) {
  v.key("file", value.file, FilePath{FileUse::kHeader}, "Holds the value", Live::kNo);
  v.key("prefix", value.prefix, Text{"text", "", &is_field_value}, "Before what the file holds");
}

void read_header_value(Reader& reader, const Node& node, HeaderValue& out) {
  if (!node.is_map()) {
    if (!node.is_scalar()) return reader.wrong(node, "a value", "write text, or {file: PATH}");
    return read_field_value(reader, node, out.value);
  }
  ReadVisitor visitor(reader, node, "header value");
  describe_from_file(visitor, out);
  visitor.finish();
  if (node.find("file") == nullptr) {
    reader.problem(node.mark,
                   in_quotes(reader.key()) + " has no \"file\"; write text, or {file: PATH}");
  }
}

}  // namespace

void HeaderName::read(Reader& reader, const Node& node, std::string& out) const {
  if (!node.is_scalar() || !is_token(node.text)) return reader.wrong(node, "a field name");
  out = to_lower(node.text);
  const std::string_view why = edited ? why_not_edited(out) : std::string_view();
  if (!why.empty()) {
    reader.problem(node.mark,
                   "the field " + in_quotes(out) + " cannot be changed here; " + std::string(why));
  }
}

void HeaderValues::read(Reader& reader, const Node& node, std::vector<HeaderValue>& out) const {
  if (node.is_off()) return out.clear();
  read_fields<HeaderValue>(reader, node, true, out, &read_header_value);
}

Node HeaderValues::write(const std::vector<HeaderValue>& values) const {
  if (values.empty()) return Node::scalar("off");
  Node map = Node::map();
  for (const HeaderValue& value : values) {
    if (value.file.empty()) {
      map.set(value.name, Node::string(value.value));
      continue;
    }
    Node from_file = Node::map();
    from_file.set("file", Node::string(value.file));
    if (!value.prefix.empty()) from_file.set("prefix", Node::string(value.prefix));
    map.set(value.name, std::move(from_file));
  }
  return map;
}

Node HeaderValues::schema() const {
  HeaderValue built_in;
  SchemaVisitor from_file;
  describe_from_file(from_file, built_in);
  return or_off(map_of(any_of({Text{}.schema(), from_file.take()})));
}

void HeaderMatches::read(Reader& reader, const Node& node, std::vector<HeaderMatch>& out) const {
  read_fields<HeaderMatch>(reader, node, false, out,
                           [](Reader& r, const Node& value, HeaderMatch& match) {
                             read_field_value(r, value, match.value);
                           });
}

Node HeaderMatches::write(const std::vector<HeaderMatch>& matches) const {
  Node map = Node::map();
  for (const HeaderMatch& match : matches) map.set(match.name, Node::string(match.value));
  return map;
}

Node HeaderMatches::schema() const { return map_of(Text{}.schema()); }

void Edits::read(Reader& reader, const Node& node, HeaderEdits& out) const {
  Map<HeaderEdits>{[](HeaderEdits& edits) { edits = {}; }}.read(reader, node, out);
}

Node Edits::write(const HeaderEdits& edits) const {
  return edits.empty() ? Node::scalar("off") : Map<HeaderEdits>{}.write(edits);
}

Node Edits::schema() const { return or_off(Map<HeaderEdits>{}.schema()); }

void HeaderSection::read(Reader& reader, const Node& node, Headers& out) const {
  Map<Headers>{[](Headers& headers) { headers = {}; }}.read(reader, node, out);
}

Node HeaderSection::write(const Headers& headers) const {
  const bool empty = headers.request.empty() && headers.response.empty();
  return empty ? Node::scalar("off") : Map<Headers>{}.write(headers);
}

Node HeaderSection::schema() const { return or_off(Map<Headers>{}.schema()); }

}  // namespace outrigger::config
