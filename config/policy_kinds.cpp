#include "config/policy_kinds.hpp"

#include <algorithm>
#include <filesystem>

#include "config/describe_policy.hpp"
#include "config/text.hpp"

namespace outrigger::config {
namespace {

constexpr std::array<std::string_view, 4> kMethodWords = {"safe", "idempotent", "any", "list"};
constexpr std::array<std::string_view, 3> kBalanceWords = {"least_loaded", "round_robin", "random"};

bool is_method(std::string_view text) {
  const std::string lower = to_lower(text);
  const bool lower_case_of_known =
      lower == text && (text == "get" || text == "head" || text == "post" || text == "put" ||
                        text == "delete" || text == "patch" || text == "options");
  return is_token(text) && !lower_case_of_known;
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  });
}

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

std::vector<std::string_view> failure_words(bool own_refusals) {
  std::vector<std::string_view> words;
  if (own_refusals) words.emplace_back("any");
  const size_t first = own_refusals ? 0 : static_cast<size_t>(FailureToken::kConnect);
  for (size_t i = first; i < kFailureTokenNames.size(); ++i) words.push_back(kFailureTokenNames[i]);
  words.emplace_back("5xx");
  return words;
}

std::vector<std::string> grpc_words() {
  std::vector<std::string> words;
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

void read_header_value(Reader& reader, const Node& node, HeaderValue& out) {
  if (!node.is_map()) {
    if (!node.is_scalar()) return reader.wrong(node, "a value", "write text, or {file: PATH}");
    return read_field_value(reader, node, out.value);
  }
  ReadVisitor visitor(reader, node, "header value");
  visitor.key("file", out.file, file_kind(), "");
  visitor.key("prefix", out.prefix, Text{"text", "", &is_field_value}, "");
  visitor.finish();
  if (node.find("file") == nullptr) {
    reader.problem(node.mark,
                   in_quotes(reader.key()) + " has no \"file\"; write text, or {file: PATH}");
  }
}

// A fallback as it is written: exactly one of the actions is there.
struct FallbackForm {
  Matcher on;
  Methods methods;
  std::optional<FallbackStale> stale;
  std::optional<std::string> service;
  std::optional<int64_t> within_ms;
  std::optional<FallbackRespond> respond;
  std::optional<FallbackOmit> omit;
};

template <class V>
void describe(V& v, FallbackForm& form) {
  v.key("on", form.on, Failures{true},
        "When: failures, 5xx, statuses, grpc-CODE; any is all but 429 and other 4xx");
  v.key("methods", form.methods, MethodSet{}, "For which requests");
  v.key("stale", form.stale, Maybe<Map<FallbackStale>>{},
        "The last good answer to the same request");
  v.key("service", form.service, Maybe<Text>{}, "The answer of another service");
  v.key("within", form.within_ms, Maybe<Duration>{},
        "Kept back from the deadline for it, at most half");
  v.key("respond", form.respond, Maybe<Map<FallbackRespond>>{}, "A fixed answer");
  v.key("omit", form.omit, Maybe<Choice<FallbackOmit>>{{kOmitWords}},
        "Nothing: 204, or an empty JSON list");
}

FallbackForm form_of(const Fallback& step) {
  FallbackForm form{step.on, step.methods, {}, {}, {}, {}, {}};
  if (const auto* stale = std::get_if<FallbackStale>(&step.action)) form.stale = *stale;
  if (const auto* respond = std::get_if<FallbackRespond>(&step.action)) form.respond = *respond;
  if (const auto* omit = std::get_if<FallbackOmit>(&step.action)) form.omit = *omit;
  if (const auto* other = std::get_if<FallbackService>(&step.action)) {
    form.service = other->service;
    form.within_ms = other->within_ms;
  }
  return form;
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
  for (size_t i = 0; i < kFailureTokenNames.size(); ++i) {
    if (kFailureTokenNames[i] != word) continue;
    const auto token = static_cast<FailureToken>(i);
    if (token < FailureToken::kConnect && !own_refusals) {
      return reader.problem(node.mark, in_quotes(word) + " is our own refusal; " +
                                           in_quotes(reader.key()) +
                                           " names what the upstream did");
    }
    return void(out.add(token));
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
  for (size_t i = 0; i < kFailureTokenNames.size(); ++i) {
    if (((matcher.tokens >> i) & 1U) != 0) add(kFailureTokenNames[i]);
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
  Node properties = Node::map();
  properties.set("file", Text{}.schema());
  properties.set("prefix", Text{}.schema());
  Node from_file = Node::map();
  from_file.set("type", Node::string("object"));
  from_file.set("additionalProperties", Node::scalar("false"));
  from_file.set("properties", std::move(properties));
  return any_of({map_of(any_of({Text{}.schema(), std::move(from_file)})),
                 enum_schema(std::array<std::string_view, 1>{"off"})});
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

Node Edits::schema() const { return off_or(Map<HeaderEdits>{}).schema(); }

void HeaderSection::read(Reader& reader, const Node& node, Headers& out) const {
  Map<Headers>{[](Headers& headers) { headers = {}; }}.read(reader, node, out);
}

Node HeaderSection::write(const Headers& headers) const {
  const bool empty = headers.request.empty() && headers.response.empty();
  return empty ? Node::scalar("off") : Map<Headers>{}.write(headers);
}

Node HeaderSection::schema() const { return off_or(Map<Headers>{}).schema(); }

void FailureRun::read(Reader& reader, const Node& node, ConsecutiveFailures& out) const {
  if (!node.is_scalar()) return Map<ConsecutiveFailures>{}.read(reader, node, out);
  out.over_ms = 0;
  Count{1, 1'000'000}.read(reader, node, out.count);
}

Node FailureRun::write(const ConsecutiveFailures& run) const {
  return Map<ConsecutiveFailures>{}.write(run);
}

Node FailureRun::schema() const {
  return any_of({Map<ConsecutiveFailures>{}.schema(), Count{1, 1'000'000}.schema()});
}

void AttemptTimeout::read(Reader& reader, const Node& node, std::optional<int64_t>& out) const {
  if (node.is_scalar() && node.text == "auto") return void(out = kAutoMs);
  off_or(Duration{}).read(reader, node, out);
}

Node AttemptTimeout::write(const std::optional<int64_t>& ms) const {
  return ms == kAutoMs ? Node::scalar("auto") : off_or(Duration{}).write(ms);
}

Node AttemptTimeout::schema() const {
  return Or<Or<Duration>>{"auto", off_or(Duration{})}.schema();
}

void WhenEmpty::read(Reader& reader, const Node& node, std::optional<int64_t>& out) const {
  if (node.is_scalar() && node.text == "refuse") return out.reset();
  if (!node.is_map()) return reader.wrong(node, "{keep_last: DURATION} or refuse");
  int64_t keep_last_ms = out.value_or(0);
  ReadVisitor visitor(reader, node, "when_empty");
  visitor.key("keep_last", keep_last_ms, Duration{}, "");
  visitor.finish();
  out = keep_last_ms;
}

Node WhenEmpty::write(const std::optional<int64_t>& ms) const {
  if (!ms) return Node::scalar("refuse");
  Node map = Node::map();
  map.set("keep_last", Duration{}.write(*ms));
  return map;
}

Node WhenEmpty::schema() const {
  SchemaVisitor visitor;
  visitor.key("keep_last", int64_t{600'000}, Duration{}, "How long");
  return any_of({visitor.take(), enum_schema(std::array<std::string_view, 1>{"refuse"})});
}

void AuthorityKind::read(Reader& reader, const Node& node, Authority& out) const {
  out = Authority{};
  if (!node.is_scalar())
    return reader.wrong(node, "an authority", "write auto, caller, upstream or a name");
  if (node.text == "auto") return;
  if (node.text == "caller") return void(out.kind = Authority::Kind::kCaller);
  if (node.text == "upstream") return void(out.kind = Authority::Kind::kUpstream);
  if (!is_host_pattern(node.text) || node.text.starts_with('*')) {
    return reader.wrong(node, "an authority", "write auto, caller, upstream or a name");
  }
  out = {Authority::Kind::kName, node.text};
}

Node AuthorityKind::write(const Authority& authority) const {
  constexpr std::array<std::string_view, 3> kWords = {"auto", "caller", "upstream"};
  if (authority.kind == Authority::Kind::kName) return Node::string(authority.name);
  return Node::scalar(kWords[static_cast<size_t>(authority.kind)]);
}

void BalanceKind::read(Reader& reader, const Node& node, Balance& out) const {
  if (node.is_map() && node.find("hash") != nullptr) {
    reader.is_later(node.mark, "balance", "hash");
    return;
  }
  Choice<Balance>{kBalanceWords}.read(reader, node, out);
}

Node BalanceKind::write(Balance balance) const {
  return Choice<Balance>{kBalanceWords}.write(balance);
}

Node BalanceKind::schema() const { return enum_schema(kBalanceWords); }

void BodyFile::read(Reader& reader, const Node& node, std::string& out) const {
  constexpr uintmax_t kLargest = 1 << 20;
  file_kind().read(reader, node, out);
  std::error_code error;
  if (!out.empty() && std::filesystem::file_size(out, error) > kLargest && !error) {
    reader.problem(node.mark, in_quotes(reader.key()) + " is larger than 1MiB");
  }
}

Node BodyFile::write(const std::string& path) const {
  return path.empty() ? Node{} : Node::string(path);
}

Node BodyFile::schema() const { return Text{}.schema(); }

void FallbackStep::read(Reader& reader, const Node& node, Fallback& out) const {
  if (!node.is_map())
    return reader.wrong(node, "a fallback", "write {on: [any], omit: no_content}");
  FallbackForm form = form_of(Fallback{});
  form.stale.reset();
  ReadVisitor visitor(reader, node, "fallback");
  describe(visitor, form);
  visitor.finish();
  out.on = form.on;
  out.methods = form.methods;
  const int actions = int{form.stale.has_value()} + int{form.service.has_value()} +
                      int{form.respond.has_value()} + int{form.omit.has_value()};
  if (actions != 1) {
    const Node* later = node.find("later");
    if (actions == 0 && later != nullptr) return;  // refused by name already
    return reader.problem(node.mark, std::string(actions == 0 ? "no" : "more than one") +
                                         " answer in this fallback; write one of stale, service, " +
                                         "respond, omit");
  }
  if (form.within_ms && !form.service) {
    reader.problem(mark_of(node, "within"), "\"within\" belongs to \"service\"");
  }
  if (form.stale) out.action = *form.stale;
  if (form.respond) out.action = *form.respond;
  if (form.omit) out.action = *form.omit;
  if (form.service) out.action = FallbackService{*form.service, form.within_ms};
}

Node FallbackStep::write(const Fallback& step) const {
  WriteVisitor visitor;
  FallbackForm form = form_of(step);
  describe(visitor, form);
  return visitor.take();
}

Node FallbackStep::schema() const {
  SchemaVisitor visitor;
  FallbackForm form = form_of(Fallback{});
  form.stale.reset();
  describe(visitor, form);
  return visitor.take();
}

}  // namespace outrigger::config
