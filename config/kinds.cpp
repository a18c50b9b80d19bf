#include "config/kinds.hpp"

#include <cmath>

#include "config/text.hpp"
#include "proxy/base/address.hpp"

namespace outrigger::config {
namespace {

constexpr std::string_view kVariable = R"(\$\{)";

Node typed(std::string_view type) {
  Node schema = Node::map();
  schema.set("type", Node::string(type));
  return schema;
}

Node pattern(std::string_view regex) {
  Node schema = typed("string");
  schema.set("pattern", Node::string(regex));
  return schema;
}

Node zero() {
  Node schema = Node::map();
  schema.set("const", Node::number(0));
  return schema;
}

std::string range(std::string_view key, std::string_view value, const std::string& low,
                  const std::string& high) {
  return in_quotes(key) + " is " + std::string(value) + ", outside " + low + " to " + high;
}

bool is_listen_address(std::string_view text) { return static_cast<bool>(Address::parse(text)); }

}  // namespace

Node enum_schema(std::span<const std::string_view> words) {
  Node list = Node::list();
  for (const std::string_view word : words) list.items.push_back(Node::string(word));
  Node schema = Node::map();
  schema.set("enum", std::move(list));
  return any_of({std::move(schema), pattern(kVariable)});
}

Node or_off(Node schema) {
  Node no = Node::map();
  no.set("const", Node::scalar("false"));
  const std::array<std::string_view, 1> words = {"off"};
  return any_of({enum_schema(words), std::move(no), std::move(schema)});
}

Node any_of(std::vector<Node> schemas) {
  Node list = Node::list();
  for (Node& schema : schemas) {
    const Node* inner = schema.find("anyOf");
    if (inner != nullptr && schema.entries.size() == 1) {
      for (const Node& item : inner->items) list.items.push_back(item);
    } else {
      list.items.push_back(std::move(schema));
    }
  }
  Node schema = Node::map();
  schema.set("anyOf", std::move(list));
  return schema;
}

Node array_of(Node item) {
  Node schema = typed("array");
  schema.set("items", std::move(item));
  return schema;
}

Node map_of(Node value) {
  Node schema = typed("object");
  schema.set("additionalProperties", std::move(value));
  return schema;
}

void Duration::read(Reader& reader, const Node& node, int64_t& out) const {
  const auto ms = node.is_scalar() ? parse_duration_ms(node.text) : std::nullopt;
  if (!ms) return reader.wrong(node, "a duration", "write it like 250ms, 2s or 5m");
  if (std::floor(*ms) != *ms) return reader.wrong(node, "a whole number of milliseconds");
  if (*ms < static_cast<double>(min_ms)) {
    return reader.problem(node.mark, in_quotes(reader.key()) + " is " + node.text + ", less than " +
                                         format_duration(static_cast<double>(min_ms)));
  }
  out = static_cast<int64_t>(*ms);
}

Node Duration::write(int64_t ms) const {
  return Node::scalar(format_duration(static_cast<double>(ms)));
}

Node Duration::schema() const {
  return any_of({pattern(R"(^([0-9]+(\.[0-9]+)?(ms|s|m|h)|.*\$\{.*)$)"), zero()});
}

void Size::read(Reader& reader, const Node& node, int64_t& out) const {
  const auto bytes = node.is_scalar() ? parse_size(node.text) : std::nullopt;
  if (!bytes) return reader.wrong(node, "a size", "write it like 512B, 64KiB, 32MiB or 1GiB");
  if (*bytes < min_bytes) {
    return reader.problem(node.mark, in_quotes(reader.key()) + " is " + node.text + ", less than " +
                                         format_size(min_bytes));
  }
  out = *bytes;
}

Node Size::write(int64_t bytes) const { return Node::scalar(format_size(bytes)); }

Node Size::schema() const {
  return any_of({pattern(R"(^([0-9]+(\.[0-9]+)?(B|KiB|MiB|GiB)|.*\$\{.*)$)"), zero()});
}

void Rate::read(Reader& reader, const Node& node, int64_t& out) const {
  const auto per_h = node.is_scalar() ? parse_rate(node.text) : std::nullopt;
  if (!per_h) return reader.wrong(node, "a rate", "write it like 100/s, 500/m or 1000/h");
  out = *per_h;
}

Node Rate::write(int64_t per_h) const { return Node::scalar(format_rate(per_h)); }

Node Rate::schema() const { return pattern(R"(^([0-9]+(\.[0-9]+)?/[smh]|.*\$\{.*)$)"); }

void Share::read(Reader& reader, const Node& node, double& out) const {
  const auto share = node.is_scalar() ? parse_share(node.text) : std::nullopt;
  if (!share) return reader.wrong(node, "a share", "write it like 50%");
  if (*share > 1) return reader.problem(node.mark, range(reader.key(), node.text, "0%", "100%"));
  if (*share == 0 && !may_be_zero) {
    return reader.problem(node.mark, in_quotes(reader.key()) + " is 0%; it must be more");
  }
  out = *share;
}

Node Share::write(double share) const { return Node::scalar(format_share(share)); }

Node Share::schema() const { return pattern(R"(^([0-9]+(\.[0-9]+)?%|.*\$\{.*)$)"); }

void ShareOrOff::read(Reader& reader, const Node& node, double& out) const {
  if (node.is_off()) return void(out = 0);
  Share{}.read(reader, node, out);
}

Node ShareOrOff::write(double share) const {
  return share == 0 ? Node::scalar("off") : Share{}.write(share);
}

Node ShareOrOff::schema() const { return off_or(Share{}).schema(); }

std::optional<int64_t> Count::parse(Reader& reader, const Node& node) const {
  const auto value = node.is_scalar() ? parse_integer(node.text) : std::nullopt;
  if (!value) {
    reader.wrong(node, "a whole number");
    return std::nullopt;
  }
  if (*value < min || *value > max) {
    reader.problem(node.mark,
                   range(reader.key(), node.text, std::to_string(min), std::to_string(max)));
    return std::nullopt;
  }
  return value;
}

Node Count::schema() const {
  Node schema = typed("integer");
  schema.set("minimum", Node::number(min));
  schema.set("maximum", Node::number(max));
  return any_of({std::move(schema), pattern(kVariable)});
}

void Flag::read(Reader& reader, const Node& node, bool& out) const {
  if (node.is_off()) return void(out = false);
  if (node.is_on()) return void(out = true);
  reader.wrong(node, "true or false");
}

Node Flag::write(bool value) const { return Node::scalar(value ? "true" : "false"); }

Node Flag::schema() const {
  constexpr std::array<std::string_view, 2> kWords = {"on", "off"};
  return any_of({typed("boolean"), enum_schema(kWords)});
}

void Text::read(Reader& reader, const Node& node, std::string& out) const {
  if (!node.is_scalar()) return reader.wrong(node, wanted, hint);
  if (accepts != nullptr && !accepts(node.text)) return reader.wrong(node, wanted, hint);
  if (node.text.find('\0') != std::string::npos) return reader.wrong(node, "text without NUL");
  out = node.text;
}

Node Text::write(const std::string& text) const { return Node::string(text); }

Node Text::schema() const { return any_of({typed("string"), typed("number"), typed("boolean")}); }

void TextMap::read(Reader& reader, const Node& node,
                   std::map<std::string, std::string>& out) const {
  out.clear();
  if (!node.is_map()) return reader.wrong(node, "a map of texts", "write {key: text}");
  for (const Entry& entry : node.entries) {
    const Reader::Inside inside(reader, entry.key);
    Text{}.read(reader, entry.value, out[entry.key]);
  }
}

Node TextMap::write(const std::map<std::string, std::string>& texts) const {
  Node map = Node::map();
  for (const auto& [key, text] : texts) map.set(key, Node::string(text));
  return map;
}

Node TextMap::schema() const { return map_of(Text{}.schema()); }

Text name_kind() { return {"a name", "use letters, digits, - _ and .", &is_name}; }

Text ip_address_kind(std::string_view hint) { return {"an address", hint, &is_listen_address}; }

void FilePath::read(Reader& reader, const Node& node, std::string& out) const {
  constexpr size_t kLongest = 4095;  // PATH_MAX without the NUL
  const auto is_path = [](std::string_view text) {
    return !text.empty() && text.size() <= kLongest;
  };
  out.clear();
  Text{"the path of a file", "", is_path}.read(reader, node, out);
  if (!out.empty()) reader.names_file(node.mark, out, use);
}

Node FilePath::write(const std::string& path) const {
  return path.empty() ? Node{} : Node::string(path);
}

Node FilePath::schema() const { return Text{}.schema(); }
}  // namespace outrigger::config
