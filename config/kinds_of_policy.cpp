#include "config/kinds_of_policy.hpp"

#include "config/describe_policy.hpp"
#include "config/text.hpp"

namespace outrigger::config {
namespace {

// In the order of BalanceRule; the last one of it is a map.
constexpr std::array<std::string_view, 4> kBalanceWords = {"least_loaded", "round_robin", "random",
                                                           "peak_ewma"};
constexpr std::string_view kSourceWord = "source";

// What is hashed as it is written, where it is no word: exactly one of them is there.
struct HashForm {
  std::optional<std::string> header;
  std::optional<std::string> cookie;
};

Text cookie_name_kind() { return {"the name of a cookie", "use letters, digits, - _", &is_token}; }

template <class V>
void describe(V& v, HashForm& form) {
  v.key("header", form.header, Maybe<HeaderName>{}, "The value of this request field");
  v.key("cookie", form.cookie, Maybe<Text>{cookie_name_kind()}, "The value of this cookie");
}

template <class V>
void describe_hash(V& v, std::optional<HashKey>& key) {
  v.key("hash", key, Maybe<HashKind>{},
        "Calls that have it in common go to the same endpoint; source: the caller's IP address");
}

// A fallback as it is written: exactly one of the actions is there.
struct FallbackForm {
  Matcher on;
  Methods methods;
  std::vector<std::string> grpc;
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
  v.key("grpc", form.grpc, List<Text>{grpc_method_kind(), true, 0, 64},
        "gRPC methods besides, like /shop.Stock/Get*");
  v.key("stale", form.stale, Maybe<Map<FallbackStale>>{},
        "The last good answer to the same request");
  v.key("service", form.service, Maybe<Text>{}, "The answer of another service");
  v.key("within", form.within_ms, Maybe<Duration>{},
        "Kept back from the deadline for it, at most half");
  v.key("respond", form.respond, Maybe<Map<FallbackRespond>>{}, "A fixed answer");
  v.key("omit", form.omit, Maybe<Choice<FallbackOmit>>{{kOmitWords}},
        "Nothing: 204, an empty JSON list, or an empty gRPC message");
}

FallbackForm form_of(const Fallback& step) {
  FallbackForm form{step.on, step.methods, step.grpc, {}, {}, {}, {}, {}};
  if (const auto* stale = std::get_if<FallbackStale>(&step.action)) form.stale = *stale;
  if (const auto* respond = std::get_if<FallbackRespond>(&step.action)) form.respond = *respond;
  if (const auto* omit = std::get_if<FallbackOmit>(&step.action)) form.omit = *omit;
  if (const auto* other = std::get_if<FallbackService>(&step.action)) {
    form.service = other->service;
    form.within_ms = other->within_ms;
  }
  return form;
}

// Whether only a gRPC caller can read the answer.
bool is_for_grpc(const FallbackForm& form) {
  return form.omit == FallbackOmit::kEmptyMessage || (form.respond && form.respond->grpc_status);
}

}  // namespace

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

void AutoDuration::read(Reader& reader, const Node& node, std::optional<int64_t>& out) const {
  if (node.is_scalar() && node.text == "auto") return void(out = kAutoMs);
  off_or(Duration{}).read(reader, node, out);
}

Node AutoDuration::write(const std::optional<int64_t>& ms) const {
  return ms == kAutoMs ? Node::scalar("auto") : off_or(Duration{}).write(ms);
}

Node AutoDuration::schema() const { return Or<Or<Duration>>{"auto", off_or(Duration{})}.schema(); }

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

void HashKind::read(Reader& reader, const Node& node, HashKey& out) const {
  if (node.is_scalar() && node.text == kSourceWord) return void(out = HashKey{});
  if (!node.is_map()) {
    return reader.wrong(node, "what is hashed", "write {header: NAME}, {cookie: NAME} or source");
  }
  HashForm form;
  ReadVisitor visitor(reader, node, "hash");
  describe(visitor, form);
  visitor.finish();
  if (form.header.has_value() == form.cookie.has_value()) {
    return reader.problem(node.mark,
                          form.header ? "both \"header\" and \"cookie\"; one is hashed"
                                      : "nothing to hash; write {header: NAME}, {cookie: NAME} or "
                                        "hash: source");
  }
  out.kind = form.header ? HashKey::Kind::kHeader : HashKey::Kind::kCookie;
  out.name = form.header ? *form.header : *form.cookie;
}

Node HashKind::write(const HashKey& key) const {
  if (key.kind == HashKey::Kind::kSource) return Node::scalar(kSourceWord);
  Node map = Node::map();
  map.set(key.kind == HashKey::Kind::kHeader ? "header" : "cookie", Node::string(key.name));
  return map;
}

Node HashKind::schema() const {
  SchemaVisitor visitor;
  HashForm form;
  describe(visitor, form);
  return any_of({enum_schema(std::array{kSourceWord}), visitor.take()});
}

void BalanceKind::read(Reader& reader, const Node& node, Balance& out) const {
  out = Balance{};
  if (node.is_scalar() && node.text == "hash") {
    return reader.problem(node.mark,
                          "\"hash\" of what? write {hash: source}, {hash: {header: NAME}} or "
                          "{hash: {cookie: NAME}}");
  }
  if (!node.is_map()) return Choice<BalanceRule>{kBalanceWords}.read(reader, node, out.rule);
  std::optional<HashKey> key;
  ReadVisitor visitor(reader, node, "balance");
  describe_hash(visitor, key);
  visitor.finish();
  if (!key) return;
  out.rule = BalanceRule::kHash;
  out.key = *key;
}

Node BalanceKind::write(const Balance& balance) const {
  if (balance.rule != BalanceRule::kHash) {
    return Choice<BalanceRule>{kBalanceWords}.write(balance.rule);
  }
  WriteVisitor visitor;
  std::optional<HashKey> key = balance.key;
  describe_hash(visitor, key);
  return visitor.take();
}

Node BalanceKind::schema() const {
  SchemaVisitor visitor;
  std::optional<HashKey> key;
  describe_hash(visitor, key);
  return any_of({enum_schema(kBalanceWords), visitor.take()});
}

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
  out.grpc = form.grpc;
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
  // Whoever names no methods means every gRPC call: no other caller gets it.
  const bool names_none = node.find("methods") == nullptr && node.find("grpc") == nullptr;
  if (is_for_grpc(form) && names_none) {
    out.methods.kind = Methods::Kind::kAny;
  } else if (is_for_grpc(form) && form.grpc.empty() && !form.methods.has("POST")) {
    reader.problem(node.mark,
                   "this answer is for gRPC calls, which are POST, and the methods leave them out; "
                   "write grpc: [/package.Service/Method] or methods: any");
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
