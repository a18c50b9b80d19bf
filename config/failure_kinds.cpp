// Which outcomes and which methods a policy speaks of.
#include <algorithm>

#include "config/kinds_of_policy.hpp"
#include "config/text.hpp"

namespace outrigger::config {
namespace {

constexpr std::array<std::string_view, 4> kMethodWords = {"safe", "idempotent", "any", "list"};
bool is_method(std::string_view text) {
  const std::string lower = to_lower(text);
  const bool lower_case_of_known =
      lower == text && (text == "get" || text == "head" || text == "post" || text == "put" ||
                        text == "delete" || text == "patch" || text == "options");
  return is_token(text) && !lower_case_of_known;
}

bool is_grpc_method(std::string_view text) {
  const size_t star = text.find('*');
  return text.starts_with('/') && text.find_first_of(" \t?#") == std::string_view::npos &&
         (star == std::string_view::npos || star == text.size() - 1);
}

std::vector<std::string_view> failure_words(bool own_refusals) {
  std::vector<std::string_view> words;
  if (own_refusals) words.emplace_back("any");
  for (const TokenRow& row : token_rows()) {
    if (own_refusals || !row.refusal) words.push_back(row.name);
  }
  words.emplace_back("5xx");
  return words;
}

std::vector<std::string> grpc_words() {
  std::vector<std::string> words;
  words.reserve(kGrpcCodeNames.size());
  for (const std::string_view name : kGrpcCodeNames) words.push_back("grpc-" + std::string(name));
  return words;
}

void read_header_match(Reader& reader, const Node& node, HeaderMatch& out) {
  const Node* pair = node.find("header");
  const bool one = pair != nullptr && node.entries.size() == 1 && pair->entries.size() == 1;
  if (!one || !pair->entries[0].value.is_scalar()) {
    return reader.wrong(node, "a failure", "write {header: {name: value}} for a response field");
  }
  HeaderName{}.read(reader, Node::string(pair->entries[0].key), out.name);
  out.value = pair->entries[0].value.text;
}

Node header_match(const HeaderMatch& match) {
  Node pair = Node::map();
  pair.set(match.name, Node::string(match.value));
  Node node = Node::map();
  node.set("header", std::move(pair));
  return node;
}

}  // namespace

void Failures::read(Reader& reader, const Node& node, Matcher& out) const {
  out = Matcher{};
  if (node.is_scalar()) return read_word(reader, node, out);
  if (!node.is_list())
    return reader.wrong(node, "a list of failures", "write [connect, timeout, 503]");
  for (size_t i = 0; i < node.items.size(); ++i) {
    const Reader::Inside inside(reader, "[" + std::to_string(i) + "]");
    if (node.items[i].is_scalar()) {
      read_word(reader, node.items[i], out);
    } else {
      read_header_match(reader, node.items[i], out.headers.emplace_back());
    }
  }
  std::sort(out.statuses.begin(), out.statuses.end());
  out.statuses.erase(std::unique(out.statuses.begin(), out.statuses.end()), out.statuses.end());
}

void Failures::read_word(Reader& reader, const Node& node, Matcher& out) const {
  const std::string& word = node.text;
  if (word == "5xx") return void(out.server_errors = true);
  if (word == "any" && own_refusals) return void(out.any = true);
  for (const TokenRow& row : token_rows()) {
    if (row.name != word) continue;
    if (row.refusal && !own_refusals) {
      return reader.problem(node.mark, in_quotes(word) + " is our own refusal; " +
                                           in_quotes(reader.key()) +
                                           " names what the upstream did");
    }
    return void(out.add(row.token));
  }
  if (word.starts_with("grpc-")) {
    const auto code = std::find(kGrpcCodeNames.begin(), kGrpcCodeNames.end(), word.substr(5));
    if (code != kGrpcCodeNames.end()) {
      return void(out.add_grpc(static_cast<int>(code - kGrpcCodeNames.begin())));
    }
    const std::vector<std::string> names = grpc_words();
    return reader.unknown(node.mark, "gRPC code", word,
                          std::vector<std::string_view>(names.begin(), names.end()));
  }
  if (const auto status = parse_integer(word)) {
    if (*status >= 200 && *status <= 599) {
      return out.statuses.push_back(static_cast<uint16_t>(*status));
    }
    return reader.problem(node.mark, in_quotes(word) + " is no final status; those are 200 to 599");
  }
  reader.unknown(node.mark, "failure", word, failure_words(own_refusals));
}

Node Failures::write(const Matcher& matcher) const {
  Node list = Node::list();
  const auto add = [&](std::string_view word) { list.items.push_back(Node::scalar(word)); };
  if (matcher.any) add("any");
  for (const TokenRow& row : token_rows()) {
    if ((matcher.tokens & static_cast<unsigned>(row.token)) != 0) add(row.name);
  }
  if (matcher.server_errors) add("5xx");
  for (const uint16_t status : matcher.statuses) list.items.push_back(Node::number(status));
  for (size_t code = 0; code < kGrpcCodeNames.size(); ++code) {
    if (((matcher.grpc_codes >> code) & 1U) != 0) add("grpc-" + std::string(kGrpcCodeNames[code]));
  }
  for (const HeaderMatch& match : matcher.headers) list.items.push_back(header_match(match));
  return list;
}

Node Failures::schema() const {
  const std::vector<std::string> grpc = grpc_words();
  std::vector<std::string_view> words = failure_words(own_refusals);
  words.insert(words.end(), grpc.begin(), grpc.end());
  Node header = Node::map();
  header.set("type", Node::string("object"));
  header.set("additionalProperties", Node::scalar("false"));
  Node properties = Node::map();
  properties.set("header", map_of(Text{}.schema()));
  header.set("properties", std::move(properties));
  Node item = any_of({enum_schema(words), Count{200, 599}.schema(), std::move(header)});
  Node list = array_of(item);
  return any_of({std::move(item), std::move(list)});
}

Text method_kind() {
  return {"a method", "methods are case-sensitive: write GET, POST, ...", &is_method};
}

Text grpc_method_kind() {
  return {"a gRPC method", "write /package.Service/Method, or a beginning of it and *",
          &is_grpc_method};
}

Text url_path_kind() {
  return {"a path", "write /healthz, without blanks and #", [](std::string_view text) {
            const auto is_visible = [](unsigned char c) { return c > ' ' && c < 0x7f && c != '#'; };
            return text.starts_with('/') && std::ranges::all_of(text, is_visible);
          }};
}

Text grpc_service_kind() {
  return {"a gRPC service", "write package.Service, or \"\" for the whole server",
          [](std::string_view text) { return text.empty() || is_name(text); }};
}

void MethodSet::read(Reader& reader, const Node& node, Methods& out) const {
  out = Methods{Methods::Kind::kList, {}};
  if (node.is_list()) return List<Text>{method_kind(), false, 1, 64}.read(reader, node, out.list);
  if (!node.is_scalar())
    return reader.wrong(node, "a set of methods", "write safe, idempotent, any or [GET, POST]");
  const std::span<const std::string_view> words(kMethodWords.data(), 3);
  Choice<Methods::Kind>{words}.read(reader, node, out.kind);
}

Node MethodSet::write(const Methods& methods) const {
  if (methods.kind == Methods::Kind::kList) return List<Text>{}.write(methods.list);
  return Node::scalar(kMethodWords[static_cast<size_t>(methods.kind)]);
}

Node MethodSet::schema() const {
  return any_of({enum_schema(std::span(kMethodWords.data(), 3)), array_of(Text{}.schema())});
}

}  // namespace outrigger::config
